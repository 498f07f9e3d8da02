#include "launcher/controller_access.h"

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "launcher/run_file.h"
#include "launcher/tls_files.h"

namespace switchyard::launcher {
namespace {

Duration seconds(double value) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(value));
}

}  // namespace

void ControllerAccess::add_flags(CLI::App& app) {
  const auto key_flag = [this, &app](const char* flag, const char* key, const char* help) {
    app.add_option_function<std::string>(
        flag,
        [this, flag, key](const std::string& text) {
          tls_flags_.push_back({key, text, flag});
        },
        help);
  };
  app.add_option("--controller", controller_, "HOST:PORT of the controller");
  app.add_option("--secret-file", secret_file_, "file with the cluster's secret");
  app.add_option("--run-file", run_file_,
                 "file that tells where the cluster is; default ~/.switchyard/run.json");
  key_flag("--tls-cert", "tls.certificate", "certificate to show to the controller");
  key_flag("--tls-key", "tls.key", "its private key, mode 0600");
  key_flag("--tls-ca", "tls.authority", "certificates that sign for the controller");
  app.add_option("--timeout", timeout_s_, "longest wait for the controller, in seconds")
      ->check(CLI::Range(0.01, 3600.0));
  app.add_flag("--json", json_, "as a JSON document");
}

Result<std::shared_ptr<net::TlsIdentity>> ControllerAccess::own_tls(
    const Invocation& invocation) const {
  config::ConfigRequest request;
  request.environment = invocation.environment;
  request.flags = tls_flags_;
  SY_ASSIGN(const auto config, config::load_config(request));
  return open_tls(config.run.tls);
}

Result<net::Client> ControllerAccess::connect(const Invocation& invocation) const {
  net::Endpoint where;
  std::string from;  // the run file that named it
  std::string secret_file = secret_file_;
  SY_ASSIGN(auto tls, own_tls(invocation));
  if (!controller_.empty()) {
    SY_ASSIGN(where, net::parse_endpoint(controller_));
  } else {
    const std::string path =
        run_file_.empty() ? default_run_file(invocation.environment) : run_file_;
    if (path.empty()) return fail(ErrorCode::kUsage, "give --controller HOST:PORT or --run-file");
    auto run = read_run_file(path);
    if (!run) {
      return fail(run.error().code,
                  "{}; is a cluster running? Give --controller HOST:PORT or "
                  "--run-file",
                  run.error().message);
    }
    where = run->controller;
    from = path;
    if (secret_file.empty()) secret_file = run->secret_file;
    if (tls == nullptr && run->tls) {
      SY_ASSIGN(tls, net::TlsIdentity::open(*run->tls));
    }
  }
  net::Secret secret;
  if (!secret_file.empty()) {
    SY_ASSIGN(secret, net::read_secret_file(secret_file));
  }
  auto client = net::Client::connect(where, secret, seconds(timeout_s_), std::move(tls));
  if (client || from.empty()) return client;
  const bool nobody = client.error().message.find("refused") != std::string::npos;
  return fail(client.error().code, "{}; {} says that the cluster is there{}",
              client.error().message, from,
              nobody ? ", but nothing listens: it has ended, or its controller is being started "
                       "again"
                     : "");
}

Result<control::Answer> ControllerAccess::ask(const Invocation& invocation,
                                              const control::Message& wish) const {
  SY_ASSIGN(auto client, connect(invocation));
  SY_ASSIGN(auto answer, client.ask(wish, seconds(timeout_s_)));
  if (!answer.accepted) {
    return fail(answer.code == "busy" ? ErrorCode::kPeer : ErrorCode::kUsage,
                "the controller refused ({}): {}", answer.code, answer.reason);
  }
  return answer;
}

Result<void> ControllerAccess::request(const Invocation& invocation, const control::Message& wish,
                                       const std::string& what) const {
  SY_ASSIGN(const auto answer, ask(invocation, wish));
  if (json_) {
    const nlohmann::ordered_json document = {
        {"accepted", answer.accepted}, {"code", answer.code}, {"reason", answer.reason}};
    std::printf("%s\n", document.dump(2).c_str());
  } else {
    const std::string terms = answer.reason.empty() ? "" : fmt::format(" ({})", answer.reason);
    std::printf("accepted: %s%s; `switchyard status` shows how it goes\n", what.c_str(),
                terms.c_str());
  }
  return {};
}

}  // namespace switchyard::launcher
