// runtime/net/handshake.h -- what opens every control connection, before any message:
//   caller -> controller  hello: the versions it speaks, what it is, a nonce         40 bytes
//   controller -> caller  challenge: the version chosen (0: none), a nonce           40 bytes
//   caller -> controller  proof = HMAC-SHA256(secret, "caller", hello, challenge)    32 bytes
//   controller -> caller  proof = HMAC-SHA256(secret, "controller", hello, challenge)
// The caller proves itself first: one that cannot sees nothing but a version and 32 random bytes,
// and then the end of the connection. Both proofs cover all that was said, so nothing can be
// changed on the way or played again. Messages after it are neither signed nor encrypted; where the
// network is not trusted, TLS goes below this (deadline_socket.h). Not the sending
// (authenticate.h). Thread safety: functions without state.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "runtime/base/error.h"
#include "runtime/control/speaker.h"
#include "runtime/net/secret.h"

namespace switchyard::net {

inline constexpr std::size_t kNonceBytes = 32;
inline constexpr std::size_t kGreetingBytes = 8 + kNonceBytes;
using Nonce = std::array<std::byte, kNonceBytes>;
using Greeting = std::array<std::byte, kGreetingBytes>;  // a hello or a challenge
using Proof = std::array<std::byte, 32>;

struct Hello {
  std::uint8_t version_min = 0;
  std::uint8_t version_max = 0;
  control::Speaker speaker = control::Speaker::kAgent;
};

[[nodiscard]] Greeting make_hello(const Hello& hello, const Nonce& nonce);
// Errors: kPeer for what is no hello or not of an agent or client.
[[nodiscard]] Result<Hello> read_hello(const Greeting& greeting);

// The highest version that both speak.
[[nodiscard]] std::optional<std::uint8_t> common_version(const Hello& hello);

[[nodiscard]] Greeting make_challenge(std::uint8_t version, const Nonce& nonce);
// The version. Errors: kPeer for what is no challenge; kUnsupported for none in common.
[[nodiscard]] Result<std::uint8_t> read_challenge(const Greeting& greeting, const Hello& hello);

enum class Prover { kCaller, kController };
[[nodiscard]] Proof prove(const Secret& secret, Prover who, const Greeting& hello,
                          const Greeting& challenge);
// Takes the same time wherever they differ.
[[nodiscard]] bool same(const Proof& a, const Proof& b);

// Unpredictable bytes from the system.
[[nodiscard]] Nonce make_nonce();

}  // namespace switchyard::net
