// What a rebalance costs the stream of tokens: the time from one step's end to the next where the
// view changed in between, beside the usual one.
#include <fmt/format.h>

#include <algorithm>

#include "tests/command/trace_checks.h"
#include "tests/proc/bench/modes.h"
#include "tests/proc/much_work.h"
#include "tests/proc/scene.h"

namespace switchyard::tests {
namespace {

// Seconds between the ends of steps that follow each other on rank 0.
struct Gaps {
  std::vector<double> usual;
  std::vector<double> at_change;  // the second step ran under another view
};

void add_gaps(const nlohmann::json& trace, Gaps& gaps) {
  auto steps = events_named(trace, "step");
  std::erase_if(steps, [](const auto& step) { return step["args"]["prompt"] == true; });
  std::ranges::sort(steps, {}, [](const auto& step) { return step["ts"].template get<double>(); });
  const auto end_s = [](const nlohmann::json& step) {
    return 1e-6 * (step["ts"].get<double>() + step["dur"].get<double>());
  };
  for (std::size_t i = 1; i < steps.size(); ++i) {
    const bool changed = steps[i]["args"]["epoch"] != steps[i - 1]["args"]["epoch"];
    (changed ? gaps.at_change : gaps.usual).push_back(end_s(steps[i]) - end_s(steps[i - 1]));
  }
}

}  // namespace

bool measure_pauses(int trials) {
  const ScratchFolder scratch;
  auto arguments = much_work(scratch);
  const auto alone = run_alone(arguments).json()["sequences"];
  const auto file = scratch.path("trace.json");
  arguments.insert(arguments.end(), {"--trace-out", file});
  Gaps gaps;
  bool right = true;
  for (int trial = 0; trial < trials; ++trial) {
    LaunchedCluster cluster(
        {"-n", "4", "--rebalance", "active", "--set", "cluster.rebalance_interval_ms=300", "--set",
         "cluster.rebalance_cooldown_ms=300", "--set", "cluster.rebalance_window_ms=3000", "--set",
         "cluster.rebalance_imbalance=1.01", "--set", "cluster.rebalance_copies=2"},
        arguments);
    const auto wrong = difference(cluster.finish(), alone);
    if (!wrong.empty()) fmt::print("trial {}: {}\n", trial, wrong.substr(0, 2000));
    right = right && wrong.empty();
    add_gaps(nlohmann::json::parse(read_file(file), nullptr, false), gaps);
  }
  print_times("from step to step", gaps.usual);
  print_times("where experts moved in between", gaps.at_change);
  return right;
}

}  // namespace switchyard::tests
