// tests/unit/net/raw_tls.h -- a blocking TLS connection that believes any server and shows what a
// test wants, for tests that say what no decent peer says. Every wait ends after ten seconds.
// Thread safety: shared objects: unsafe.
#pragma once

#include <openssl/ssl.h>

#include <optional>
#include <string>

#include "runtime/net/endpoint.h"
#include "runtime/net/tls_identity.h"

namespace switchyard::net {

class RawTls {
 public:
  // `own` nullopt: without a certificate.
  RawTls(const Endpoint& to, const std::optional<TlsFiles>& own, int version_max = TLS1_3_VERSION);
  RawTls(const RawTls&) = delete;
  RawTls& operator=(const RawTls&) = delete;
  ~RawTls();

  // Whether the handshake went well as far as this side can know.
  [[nodiscard]] bool shook_hands() const noexcept { return shook_hands_; }
  // What the other side has closed already is not an error here.
  void send(std::string_view text);
  // All that comes and can be decrypted until the end.
  [[nodiscard]] std::string receive_all();

 private:
  int descriptor_ = -1;
  SSL_CTX* context_ = nullptr;
  SSL* connection_ = nullptr;
  bool shook_hands_ = false;
};

}  // namespace switchyard::net
