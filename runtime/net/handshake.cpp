#include "runtime/net/handshake.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <vector>

#include "runtime/base/check.h"
#include "runtime/control/codec.h"

namespace switchyard::net {
namespace {

constexpr std::array<char, 4> kHelloMagic{'S', 'W', 'Y', 'H'};
constexpr std::array<char, 4> kChallengeMagic{'S', 'W', 'Y', 'K'};

Greeting make_greeting(const std::array<char, 4>& magic, std::array<std::uint8_t, 4> fields,
                       const Nonce& nonce) {
  Greeting out{};
  for (std::size_t i = 0; i < 4; ++i) {
    out[i] = static_cast<std::byte>(magic[i]);
    out[4 + i] = static_cast<std::byte>(fields[i]);
  }
  std::ranges::copy(nonce, out.begin() + 8);
  return out;
}

bool has_magic(const Greeting& greeting, const std::array<char, 4>& magic) {
  for (std::size_t i = 0; i < 4; ++i) {
    if (greeting[i] != static_cast<std::byte>(magic[i])) return false;
  }
  return true;
}

std::uint8_t field(const Greeting& greeting, std::size_t i) {
  return std::to_integer<std::uint8_t>(greeting[4 + i]);
}

void append(std::vector<unsigned char>& out, Bytes bytes) {
  for (const std::byte byte : bytes) out.push_back(std::to_integer<unsigned char>(byte));
}

}  // namespace

Greeting make_hello(const Hello& hello, const Nonce& nonce) {
  return make_greeting(
      kHelloMagic,
      {hello.version_min, hello.version_max, static_cast<std::uint8_t>(hello.speaker), 0}, nonce);
}

Result<Hello> read_hello(const Greeting& greeting) {
  if (!has_magic(greeting, kHelloMagic) || field(greeting, 3) != 0) {
    return fail(ErrorCode::kPeer, "it does not speak the control protocol");
  }
  if (field(greeting, 2) > static_cast<std::uint8_t>(control::Speaker::kClient)) {
    return fail(ErrorCode::kPeer, "its kind {} is neither agent nor client", field(greeting, 2));
  }
  return Hello{field(greeting, 0), field(greeting, 1),
               static_cast<control::Speaker>(field(greeting, 2))};
}

std::optional<std::uint8_t> common_version(const Hello& hello) {
  // This build speaks one version.
  if (hello.version_min > control::kProtocolVersion ||
      hello.version_max < control::kProtocolVersion) {
    return std::nullopt;
  }
  return control::kProtocolVersion;
}

Greeting make_challenge(std::uint8_t version, const Nonce& nonce) {
  return make_greeting(kChallengeMagic, {version, control::kProtocolVersion, 0, 0}, nonce);
}

Result<std::uint8_t> read_challenge(const Greeting& greeting, const Hello& hello) {
  if (!has_magic(greeting, kChallengeMagic)) {
    return fail(ErrorCode::kPeer, "what answers is not a switchyard controller");
  }
  const std::uint8_t version = field(greeting, 0);
  if (version < hello.version_min || version > hello.version_max) {
    return fail(ErrorCode::kUnsupported,
                "the controller speaks protocol version {}, this build {} to {}",
                field(greeting, 1), hello.version_min, hello.version_max);
  }
  return version;
}

Proof prove(const Secret& secret, Prover who, const Greeting& hello, const Greeting& challenge) {
  const std::string_view role = who == Prover::kCaller ? "caller" : "controller";
  std::vector<unsigned char> text(role.begin(), role.end());
  text.push_back(0);
  append(text, hello);
  append(text, challenge);
  Proof proof{};
  unsigned int length = 0;
  // An empty key is a key all the same: without a secret the exchange has the same shape.
  static constexpr unsigned char kNoKey = 0;
  const auto key = secret.bytes();
  const void* key_data = key.empty() ? static_cast<const void*>(&kNoKey) : key.data();
  const auto* done = HMAC(EVP_sha256(), key_data, static_cast<int>(key.size()), text.data(),
                          text.size(), reinterpret_cast<unsigned char*>(proof.data()), &length);
  SY_CHECK(done != nullptr && length == proof.size(), "HMAC of {} bytes", length);
  return proof;
}

bool same(const Proof& a, const Proof& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Nonce make_nonce() {
  Nonce nonce{};
  SY_CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(nonce.data()),
                      static_cast<int>(nonce.size())) == 1,
           "no randomness");
  return nonce;
}

}  // namespace switchyard::net
