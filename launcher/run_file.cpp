#include "launcher/run_file.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <system_error>

namespace switchyard::launcher {
namespace {

namespace fs = std::filesystem;

Result<net::Endpoint> read_endpoint(const nlohmann::json& document, const std::string& path,
                                    const char* key) {
  const auto found = document.find(key);
  if (found == document.end() || !found->is_string()) {
    return fail(ErrorCode::kBadInput, "{}: '{}' is not there or no text", path, key);
  }
  auto endpoint = net::parse_endpoint(found->get<std::string>());
  if (!endpoint) {
    return fail(ErrorCode::kBadInput, "{}: '{}': {}", path, key, endpoint.error().message);
  }
  return endpoint;
}

// Empty where there is none.
std::string read_path(const nlohmann::json& document, const char* key) {
  const auto found = document.find(key);
  return found != document.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<net::TlsFiles> read_tls(const nlohmann::json& document) {
  const auto found = document.find("tls");
  if (found == document.end() || !found->is_object()) return std::nullopt;
  return net::TlsFiles{read_path(*found, "certificate"), read_path(*found, "key"),
                       read_path(*found, "authority")};
}

}  // namespace

Result<void> write_run_file(const std::string& path, const RunFile& run) {
  nlohmann::ordered_json document = {{"controller", net::to_string(run.controller)},
                                     {"secret_file", run.secret_file},
                                     {"pid", run.pid}};
  if (run.admin) {
    document["admin"] = net::to_string(*run.admin);
    document["admin_token_file"] = run.admin_token_file;
  }
  if (run.tls) {
    document["tls"] = {{"certificate", run.tls->certificate},
                       {"key", run.tls->key},
                       {"authority", run.tls->authority}};
  }
  std::error_code error;
  const fs::path target(path);
  if (target.has_parent_path()) fs::create_directories(target.parent_path(), error);
  const fs::path fresh = path + ".new";
  {
    std::ofstream out(fresh);
    out << document.dump(2) << "\n";
    if (!out.flush()) return fail(ErrorCode::kIo, "{}: cannot be written", path);
  }
  fs::permissions(fresh, fs::perms::owner_read | fs::perms::owner_write, error);
  if (!error) fs::rename(fresh, target, error);
  if (error) return fail(ErrorCode::kIo, "{}: {}", path, error.message());
  return {};
}

Result<RunFile> read_run_file(const std::string& path) {
  std::ifstream in(path);
  if (!in) return fail(ErrorCode::kNotFound, "{}: there is no such run file", path);
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  const auto document = nlohmann::json::parse(text, nullptr, false);
  if (!document.is_object()) return fail(ErrorCode::kBadInput, "{}: not a run file", path);
  RunFile run;
  SY_ASSIGN(run.controller, read_endpoint(document, path, "controller"));
  if (document.contains("admin")) {
    SY_ASSIGN(run.admin, read_endpoint(document, path, "admin"));
  }
  run.secret_file = read_path(document, "secret_file");
  run.admin_token_file = read_path(document, "admin_token_file");
  const auto pid = document.find("pid");
  if (pid != document.end() && pid->is_number_integer()) run.pid = *pid;
  run.tls = read_tls(document);
  return run;
}

std::string default_run_file(const std::map<std::string, std::string>& environment) {
  const auto home = environment.find("HOME");
  if (home == environment.end() || home->second.empty()) return {};
  return home->second + "/.switchyard/run.json";
}

}  // namespace switchyard::launcher
