// runtime/placement/planners/planner.h -- who holds which expert: the contract of placement
// planners. A planner is a pure function; every process that calls it with the same request gets
// the same plan. To add one: planners/<name>.cpp with a `plan_<name>()` and a line in
// planner_table.cpp. Thread safety: functions without state.
#pragma once

#include <vector>

#include "runtime/placement/plan_request.h"

namespace switchyard::placement {

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
// As published (eplb.h), on ranks that have equally many slots; speeds, zones, regions, `replicas`
// (but for the number of slots) and the previous placement are left aside. Hosts of equal size are
// its nodes. Where EPLB has two copies of an expert on one rank, the rank holds it once and a slot
// stays empty. Errors: kConfig for unequal slots, fewer slots than experts, or groups that do not
// divide the experts.
[[nodiscard]] Result<Placement> plan_eplb(const PlanRequest& request);

}  // namespace switchyard::placement
