// tests/proc/launched_cluster.h -- a launched cluster under test: starts `switchyard launch` beside
// the test, looks at its ranks, kills what the test says. For tests only.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <future>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tests/command/run_command.h"

namespace switchyard::tests {

// A line of the controller's log.
struct LoggedEvent {
  double at = 0;  // seconds since 1970
  std::string kind;
  std::string text;
};

class LaunchedCluster {
 public:
  // PREFIX switchyard launch --dir ... LAUNCH generate ... COMMAND
  LaunchedCluster(const Arguments& launch, const Arguments& command, std::string prefix = {});
  // Prints its logs where the test has failed: the folder goes, and a rare failure may not come
  // back.
  ~LaunchedCluster();
  LaunchedCluster(const LaunchedCluster&) = delete;
  LaunchedCluster& operator=(const LaunchedCluster&) = delete;

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
  // Waits for the `number`th event of that kind (from 1). False when the run has ended before.
  [[nodiscard]] bool await_event(const std::string& kind, std::size_t number);
  [[nodiscard]] bool running() const;
  // Lets the run go on for so long. False when it has ended before.
  bool go_on(std::chrono::duration<double> time) const;
  // switchyard ARGUMENTS on this cluster: scale, drain, rebalance.
  [[nodiscard]] Outcome command(Arguments arguments) const;
  // Sends the signal to the process of a rank, or to the controller.
  static void send_signal(const nlohmann::json& status, std::uint32_t rank, int signal);
  void signal_controller(int signal) const;
  // Its process; 0: none is known.
  [[nodiscard]] pid_t controller() const;
  // As Ctrl-C: the requests end with what they have.
  void interrupt() const;
  // Waits for the run's end.
  [[nodiscard]] Outcome finish();
  [[nodiscard]] std::string log(const std::string& name) const;
  // Of a file of the run.
  [[nodiscard]] std::string path(const std::string& name) const;
  // What the controller has written so far, in order.
  [[nodiscard]] std::vector<LoggedEvent> events() const;
  // Copies logs and journal for somebody to look at.
  void keep(const std::string& folder) const;

 private:
  ScratchFolder scratch_;
  std::string prefix_;
  std::future<Outcome> outcome_;
};

// Seconds since 1970, on the clock of LoggedEvent::at.
[[nodiscard]] double wall_seconds();
[[nodiscard]] std::size_t count_events(const std::vector<LoggedEvent>& events,
                                       const std::string& kind);
// The first of a kind at or after `from`.
[[nodiscard]] std::optional<LoggedEvent> event_after(const std::vector<LoggedEvent>& events,
                                                     const std::string& kind, double from);

}  // namespace switchyard::tests
