// tests/unit/net/test_certificates.h -- authorities and certificates made on the spot, for tests of
// TLS: nothing of it is kept. Thread safety: distinct objects: safe.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "runtime/net/tls_identity.h"

namespace switchyard::tests {

// What is in a certificate.
struct CertificateFacts {
  std::string names = "IP:127.0.0.1,DNS:localhost";  // subjectAltName; empty: none
  std::string usage = "serverAuth,clientAuth";       // extendedKeyUsage
  long begins_s = -3600;                             // from now
  long ends_s = 3600;
};

// One authority, and a folder in which the files of those it signs for are written.
class TestAuthority {
 public:
  TestAuthority(std::string folder, const std::string& name);

  // Writes <name>.pem and <name>.key (mode 0600) and names this authority's own file beside them.
  [[nodiscard]] net::TlsFiles issue(const std::string& name,
                                    const CertificateFacts& facts = {}) const;
  [[nodiscard]] const std::string& file() const noexcept { return file_; }
  // Its own certificate in PEM, for files with several authorities.
  [[nodiscard]] std::string pem() const;

 private:
  template <class T, void (*Free)(T*)>
  struct Deleter {
    void operator()(T* owned) const { Free(owned); }
  };
  using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY, &EVP_PKEY_free>>;
  using Certificate = std::unique_ptr<X509, Deleter<X509, &X509_free>>;

  [[nodiscard]] static Key make_key();
  [[nodiscard]] static Certificate start(const std::string& name, EVP_PKEY* key, long begins_s,
                                         long ends_s);

  std::string folder_;
  std::string file_;
  Key key_;
  Certificate certificate_;
};

}  // namespace switchyard::tests
