// launcher/tls_files.h -- from the section `tls` of the configuration to an identity on the
// network. Thread: the main thread.
#pragma once

#include <memory>

#include "runtime/base/error.h"
#include "runtime/config/run_config.h"
#include "runtime/net/tls_identity.h"

namespace switchyard::launcher {

// Null where the configuration names no files. Errors: as TlsIdentity::open().
[[nodiscard]] Result<std::shared_ptr<net::TlsIdentity>> open_tls(const config::TlsSection& tls);

}  // namespace switchyard::launcher
