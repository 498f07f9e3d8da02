// runtime/placement/planners/planner.h -- who holds which expert: the contract of placement
// planners. A planner is a pure function; every process that calls it with the same request gets
// the same plan. To add one: planners/<name>.cpp with a `plan_<name>()` and a line in
// planner_table.cpp. Thread safety: functions without state.
#pragma once

#include <vector>

#include "runtime/placement/plan_request.h"

namespace switchyard::placement {

// Expert e's first copy goes to expert_ranks[primary[e]]; the same for every layer. Copy c goes
// c * max(1, ranks / copies) places further. Where the ranks are on some hosts or in some zones
// (neither all on one nor each on its own), a copy goes to the host that has fewest of the expert,
// then to such a zone, then to the rank with fewest copies; then the places further decide. With
// `every_region` there are as many copies as regions at least, and regions without one come before
// all that. Slots of a rank are numbered in the order first copies, second copies, ..., by expert.
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
// By load and for ranks of any kind: minimises what the slowest rank of each layer costs, with at
// least `replicas` copies of every expert on distinct ranks, those spread over as many hosts and
// zones as there are (as far as slots allow), a copy in each region where asked, none on dead
// ranks. Against a previous placement it moves a copy only if that saves more than it costs, and
// never more than the most allowed; repairs (an expert that lost its copies, its second host or its
// region) are made whatever they cost. Without loads all experts count alike.
// layer_start.h, layer_search.h, layer_affinity.h and move_budget.h say how. The order of
// expert_ranks does not matter. A plan is made without regard to partners (chosen_together) where
// it only mends the previous one.
// Errors: kConfig where the slots cannot hold what is asked.
[[nodiscard]] Result<Placement> plan_balanced(const PlanRequest& request);

}  // namespace switchyard::placement
