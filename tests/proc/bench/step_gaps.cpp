#include "tests/proc/bench/step_gaps.h"

#include <algorithm>

#include "tests/command/trace_checks.h"

namespace switchyard::tests {

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

}  // namespace switchyard::tests
