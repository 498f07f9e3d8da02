// tests/proc/launched_cluster.h -- a launched cluster under test: starts `switchyard launch` beside
// the test, looks at its ranks, kills what the test says. For tests only.
#pragma once

#include <chrono>
#include <future>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "tests/command/run_command.h"

namespace switchyard::tests {

class LaunchedCluster {
 public:
  // PREFIX switchyard launch --dir ... LAUNCH generate ... COMMAND
  LaunchedCluster(const Arguments& launch, const Arguments& command, std::string prefix = {});

  // The controller's view of things; a discarded value while it does not answer.
  [[nodiscard]] nlohmann::json status() const;
  // The first status for which `true_of` holds, or nothing when the run has ended before.
  template <class Predicate>
  [[nodiscard]] std::optional<nlohmann::json> await(Predicate true_of) {
    while (running()) {
      auto now = status();
      if (!now.is_discarded() && true_of(now)) return now;
    }
    return std::nullopt;
  }
  [[nodiscard]] bool running() const;
  // switchyard ARGUMENTS on this cluster: scale, drain, rebalance.
  [[nodiscard]] Outcome command(Arguments arguments) const;
  // Sends the signal to the process of a rank, or to the controller.
  static void send_signal(const nlohmann::json& status, std::uint32_t rank, int signal);
  void signal_controller(int signal) const;
  // Waits for the run's end.
  [[nodiscard]] Outcome finish();
  [[nodiscard]] std::string log(const std::string& name) const;

 private:
  ScratchFolder scratch_;
  std::string prefix_;
  std::future<Outcome> outcome_;
};

}  // namespace switchyard::tests
