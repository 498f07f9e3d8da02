// runtime/net/tls_identity.h -- who this process is on a control connection under TLS and whom it
// believes: its certificate, its private key and the authority of the cluster, from PEM files. The
// files are looked at before each connection, so that new ones are taken without a restart; where
// they cannot be used the old ones stay. TLS 1.3 only: both ends are this program, and it encrypts
// the caller's certificate too, has no renegotiation and no key exchange without forward secrecy.
// No resumption: each connection is verified anew. Not the handshake (deadline_socket.h).
// Thread safety: shared objects: unsafe.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "runtime/base/error.h"

namespace boost::asio::ssl {
class context;
}

namespace switchyard::net {

// All three or none.
struct TlsFiles {
  std::string certificate;  // the own one first, then intermediate ones up to the authority
  std::string key;          // mode 0600, without a passphrase
  std::string authority;    // certificates that sign for the peers of this cluster
};

class TlsIdentity {
 public:
  using Context = std::shared_ptr<boost::asio::ssl::context>;

  // Errors: kNotFound, kIo; kConfig where a file is not what it should be, others may read the key,
  // or the key is not the certificate's.
  [[nodiscard]] static Result<std::shared_ptr<TlsIdentity>> open(TlsFiles files);

  // For the next connection: of the files as they are now, or as they were when they last could be
  // used.
  [[nodiscard]] Context context();
  // Why the newest files are not in use; empty: they are.
  [[nodiscard]] const std::string& trouble() const noexcept { return trouble_; }
  // When the certificate in use ends, in seconds since 1970.
  [[nodiscard]] std::int64_t expires_unix_s() const noexcept { return expires_unix_s_; }
  [[nodiscard]] const TlsFiles& files() const noexcept { return files_; }

 private:
  // Which version of a file: device, inode, size, time of change in nanoseconds.
  using Stamp = std::array<std::int64_t, 4>;
  using Stamps = std::array<Stamp, 3>;

  explicit TlsIdentity(TlsFiles files) : files_(std::move(files)) {}
  [[nodiscard]] Stamps look() const;
  [[nodiscard]] Result<void> load();

  TlsFiles files_;
  Stamps stamps_{};
  Context context_;
  std::int64_t expires_unix_s_ = 0;
  std::string trouble_;
};

}  // namespace switchyard::net
