// launcher/run_file.h -- where a running cluster is found: a small JSON file, mode 0600, that the
// controller writes once it listens: {"controller": "HOST:PORT", "secret_file": "...", "admin":
// "HOST:PORT", "admin_token_file": "...", "pid": N, "tls": {"certificate", "key", "authority"}}. It
// holds the paths of the secret, the token and the key, never these themselves.
// Thread safety: functions without state.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "runtime/base/error.h"
#include "runtime/net/endpoint.h"
#include "runtime/net/tls_identity.h"

namespace switchyard::launcher {

struct RunFile {
  net::Endpoint controller;
  std::string secret_file;  // empty: none is needed
  std::optional<net::Endpoint> admin;
  std::string admin_token_file;  // empty: none is needed
  std::int64_t pid = 0;
  std::optional<net::TlsFiles> tls;  // the controller's own; nullopt: plain
};

// Replaces the file as a whole; readers see the old one or the new one. Errors: kIo.
[[nodiscard]] Result<void> write_run_file(const std::string& path, const RunFile& run);
// Errors: kNotFound, kBadInput naming the key.
[[nodiscard]] Result<RunFile> read_run_file(const std::string& path);

// $HOME/.switchyard/run.json; empty where there is no HOME.
[[nodiscard]] std::string default_run_file(const std::map<std::string, std::string>& environment);

}  // namespace switchyard::launcher
