// launcher/controller_access.h -- how `status`, `scale`, `drain` and `rebalance` reach the
// controller: by --controller HOST:PORT and --secret-file, or by the run file. Thread: the main
// thread.
#pragma once

#include <string>

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
                                            const control::Command& command) const;
  // The same, and says so on stdout: "accepted: <what>", or the answer as JSON.
  [[nodiscard]] Result<void> request(const Invocation& invocation, const control::Command& command,
                                     const std::string& what) const;
  [[nodiscard]] bool json() const noexcept { return json_; }

 private:
  std::string controller_;
  std::string secret_file_;
  std::string run_file_;
  double timeout_s_ = 10;
  bool json_ = false;
};

}  // namespace switchyard::launcher
