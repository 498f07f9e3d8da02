// runtime/placement/planners/planner.h -- who holds which expert: the contract of placement
// planners. A planner is a pure function; every process that calls it with the same request gets
// the same plan. To add one: planners/<name>.cpp with a `plan_<name>()` and a line in
// planner_table.cpp. Thread safety: functions without state.
#pragma once

#include <string_view>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/ids.h"
#include "runtime/placement/view.h"

namespace switchyard::placement {

struct PlanRequest {
  std::vector<RankId> expert_ranks;  // distinct; their order is the order of the plan
  std::size_t layers = 0;
  std::size_t experts = 0;
  std::size_t replicas = 1;  // copies of every expert, on distinct ranks
};

// Expert e's first copy goes to expert_ranks[primary[e]]; the same for every layer. Copy c goes
// c * max(1, ranks / replicas) places further: far away in rank order, so usually on another host.
// Slots of a rank are numbered in the order first copies, second copies, ..., by expert.
[[nodiscard]] Result<Placement> place_copies(const PlanRequest& request,
                                             const std::vector<std::size_t>& primary);

// Blocks of neighbouring experts; where the ranks do not divide the experts, the first ranks get
// one more. Ranks beyond the number of experts hold none.
[[nodiscard]] Result<Placement> plan_contiguous(const PlanRequest& request);
// Expert e on rank e mod ranks.
[[nodiscard]] Result<Placement> plan_round_robin(const PlanRequest& request);

}  // namespace switchyard::placement
