// The times from a signal to the controller's verdict and to the next step.
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <random>

#include "tests/proc/bench/modes.h"
#include "tests/proc/bench/step_gaps.h"
#include "tests/proc/scene.h"

namespace switchyard::tests {
namespace {

constexpr std::uint32_t kExpertRanks = 3;  // from rank 1 on

// One trial after another on the same prompts.
class Trials {
 public:
  Trials(const Arguments& launch, int rounds)
      : launch_(launch),
        arguments_(long_run(scratch_, rounds)),
        baseline_(run_alone(arguments_).json()["sequences"]) {
    arguments_.insert(arguments_.end(), {"--trace-out", trace_});
  }

  // Calls harm(cluster, status, victim) at a random step; then the run goes to its end.
  template <class Harm, class Read>
  void run(int number, Harm harm, Read read) {
    std::mt19937 engine(static_cast<unsigned>(number));
    LaunchedCluster cluster(launch_, arguments_);
    const std::uint64_t steps = 20 + engine() % 600;
    const auto status = cluster.await([steps](const nlohmann::json& now) {
      return now["view"].is_object() && now["ranks"][0].value("steps", std::uint64_t{0}) >= steps;
    });
    const double from = wall_seconds();
    if (status) harm(cluster, *status, 1 + static_cast<std::uint32_t>(engine() % kExpertRanks));
    const auto wrong = difference(cluster.finish(), baseline_);
    if (!wrong.empty()) fmt::print("trial {}: {}\n", number, wrong.substr(0, 2000));
    wrong_ += wrong.empty() ? 0 : 1;
    if (status) read(cluster.events(), from);
    add_gaps(nlohmann::json::parse(read_file(trace_), nullptr, false), gaps_);
    std::fflush(stdout);
  }
  [[nodiscard]] bool report(int trials) const {
    print_times("from step to step", gaps_.usual);
    print_times("where the view changed in between", gaps_.at_change);
    fmt::print("{} trials, {} wrong\n", trials, wrong_);
    return wrong_ == 0;
  }

 private:
  Arguments launch_;
  ScratchFolder scratch_;
  std::string trace_ = scratch_.path("trace.json");
  Arguments arguments_;
  nlohmann::json baseline_;
  int wrong_ = 0;
  Gaps gaps_;  // of rank 0
};

}  // namespace

void print_times(const char* what, std::vector<double> seconds) {
  if (seconds.empty()) return;
  std::sort(seconds.begin(), seconds.end());
  const auto at = [&](double share) {
    const auto index = static_cast<std::size_t>(share * static_cast<double>(seconds.size()));
    return 1e3 * seconds[std::min(seconds.size() - 1, index)];
  };
  fmt::print("{}: p50 {:.1f} ms, p99 {:.1f} ms, worst {:.1f} ms over {} trials\n", what, at(0.5),
             at(0.99), 1e3 * seconds.back(), seconds.size());
}

bool measure_deaths(int trials, const Arguments& launch) {
  Trials all(launch, 1);
  std::vector<double> detection;
  std::vector<double> recovery;
  for (int trial = 0; trial < trials; ++trial) {
    all.run(
        trial,
        [](LaunchedCluster&, const nlohmann::json& status, std::uint32_t victim) {
          LaunchedCluster::send_signal(status, victim, SIGKILL);
        },
        [&](const std::vector<LoggedEvent>& events, double from) {
          const auto dead = event_after(events, "rank_dead", from);
          if (!dead) return;
          detection.push_back(dead->at - from);
          const auto retired = event_after(events, "epoch_retired", dead->at);
          if (retired) recovery.push_back(retired->at - from);
        });
  }
  print_times("detection", detection);
  print_times("recovery", recovery);
  return all.report(trials);
}

bool measure_stops(int trials, const Arguments& launch) {
  Trials all(launch, 24);
  std::vector<double> detection;
  for (int trial = 0; trial < trials; ++trial) {
    all.run(
        trial,
        [](LaunchedCluster& cluster, const nlohmann::json& status, std::uint32_t victim) {
          LaunchedCluster::send_signal(status, victim, SIGSTOP);
          (void)cluster.await_event("rank_dead", 1);
          LaunchedCluster::send_signal(status, victim, SIGCONT);
        },
        [&](const std::vector<LoggedEvent>& events, double from) {
          const auto dead = event_after(events, "rank_dead", from);
          if (dead) detection.push_back(dead->at - from);
        });
  }
  print_times("detection of a stopped rank", detection);
  return all.report(trials);
}

}  // namespace switchyard::tests
