// What a rebalance costs the stream of tokens: the time from one step's end to the next where the
// view changed in between, beside the usual one.
#include <fmt/format.h>

#include "tests/proc/bench/modes.h"
#include "tests/proc/bench/step_gaps.h"
#include "tests/proc/much_work.h"
#include "tests/proc/scene.h"

namespace switchyard::tests {

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
