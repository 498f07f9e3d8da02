// runtime/placement/plan_score.h -- what a placement would have cost under a trace, layer by layer.
// Thread safety: functions without state.
#pragma once

#include <vector>

#include "runtime/placement/load_trace.h"
#include "runtime/placement/plan_file.h"

namespace switchyard::placement {

struct PlanScore {
  struct Layer {
    double imbalance = 1;        // largest load / speed over that of loads spread by speed
    double activated = 0;        // experts that the worst rank is expected to read in a step
    double ranks_per_token = 0;  // distinct ranks that hold what a token chose
  };
  std::vector<Layer> layers;
  double imbalance = 1;  // mean of the layers
  double imbalance_worst = 1;
  double balancedness = 1;  // even time over time with the slowest ranks, over all layers
  double activated = 0;     // mean of the layers
  double ranks_per_token = 0;
};

// `ranks`: all that hold copies, living. step_tokens: tokens that go through a layer together.
[[nodiscard]] PlanScore score_plan(const Placement& placement, const RankList& ranks,
                                   const LoadTrace& trace, TraceWindow window,
                                   std::size_t step_tokens);

}  // namespace switchyard::placement
