// launcher/controller_access.h -- how `status`, `scale`, `drain`, `rebalance` and `place` reach
// the controller: by --controller HOST:PORT, --secret-file and --tls-..., or by the run file.
// Thread: the main thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "launcher/command.h"
#include "runtime/net/client.h"

namespace switchyard::launcher {

class ControllerAccess {
 public:
  void add_flags(CLI::App& app);

  // Errors: kUsage for flags that lead nowhere; kNotFound for a run file that is missing; kPeer
  // where no controller answers.
  [[nodiscard]] Result<net::Client> connect(const Invocation& invocation) const;
  // Connects, asks, and turns a refusal into an error: kPeer for "busy" (try again), else kUsage.
  [[nodiscard]] Result<control::Answer> ask(const Invocation& invocation,
                                            const control::Message& wish) const;
  // The same, and says so on stdout: "accepted: <what>" and the terms, or the answer as JSON.
  [[nodiscard]] Result<void> request(const Invocation& invocation, const control::Message& wish,
                                     const std::string& what) const;
  [[nodiscard]] bool json() const noexcept { return json_; }

 private:
  // By flags and environment; null where neither names files.
  [[nodiscard]] Result<std::shared_ptr<net::TlsIdentity>> own_tls(
      const Invocation& invocation) const;

  std::string controller_;
  std::string secret_file_;
  std::string run_file_;
  std::vector<config::FlagSetting> tls_flags_;
  double timeout_s_ = 10;
  bool json_ = false;
};

}  // namespace switchyard::launcher
