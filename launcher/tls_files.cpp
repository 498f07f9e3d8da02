#include "launcher/tls_files.h"

namespace switchyard::launcher {

Result<std::shared_ptr<net::TlsIdentity>> open_tls(const config::TlsSection& tls) {
  if (tls.certificate.empty()) return std::shared_ptr<net::TlsIdentity>();
  return net::TlsIdentity::open({tls.certificate, tls.key, tls.authority});
}

}  // namespace switchyard::launcher
