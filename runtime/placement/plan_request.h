// runtime/placement/plan_request.h -- what a placement planner is asked: the model, the expert
// ranks, and, for those that use them, measured loads and an earlier placement. Plain values.
// Thread safety: shared const objects: safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/ids.h"
#include "runtime/placement/view.h"

namespace switchyard::placement {

// What a layer costs on a rank: the pairs it computes (prefill), or how many distinct experts it
// must read (decode, which is bound by memory). A layer lasts as long as its slowest rank.
enum class Objective : std::uint8_t { kTokens, kActivated };

// Errors: kUsage for anything but "tokens" and "activated".
[[nodiscard]] Result<Objective> parse_objective(std::string_view name);

struct RankTraits {
  std::size_t slots = 0;  // copies that it can hold in one layer; 0: PlanRequest::slots
  double speed = 1;       // relative; a rank of speed 2 does the work of two of speed 1
  std::string host{};     // empty: a host of its own
  std::string zone{};     // empty: one zone for all that name none
  std::string region{};   // the same
  bool alive = true;      // false: gets nothing
};

// What a planner may move away from a previous placement, and what a move must bring.
struct MoveLimits {
  // What one moved copy must save, in the unit of the objective over the window of the loads: pairs
  // on a rank of speed 1, or activated experts in a step; the largest over the ranks, summed over
  // the layers. (Moving W bytes over B bytes/s costs the W / B * pairs/s pairs that a rank could
  // have computed; divided by the number of windows that the plan will live.)
  double cost = 0;
  std::size_t most = SIZE_MAX;  // moved copies in all layers, without those that repairs need
};

struct PlanRequest {
  std::vector<RankId> expert_ranks;  // distinct; their order is the order of the plan
  std::size_t layers = 0;
  std::size_t experts = 0;
  std::size_t replicas = 1;  // copies of every expert, on distinct ranks; at least, with `loads`

  // What follows is for the planners that go by load; the others leave it aside, but for the hosts
  // and zones of `ranks`, and every_region.
  std::vector<std::uint64_t> loads{};  // pairs, [layers * experts]; empty: all equal
  std::uint64_t tokens = 0;            // seen while the loads were counted; for kActivated
  std::vector<RankTraits> ranks{};     // of expert_ranks, in their order; empty: all alike
  std::size_t slots = 0;   // of a rank in one layer; 0: as few as hold `replicas` copies of all
  std::size_t groups = 1;  // of neighbouring experts that a token is limited to (eplb)
  Objective objective = Objective::kTokens;
  std::size_t step_tokens = 64;  // tokens that go through a layer together; for kActivated
  bool every_region = false;     // a copy of each expert in each region
  // How often a token chose both experts, [layers * experts * experts]; empty: not known.
  std::vector<std::uint32_t> chosen_together{};
  double together_tolerance = 0.02;  // how much more than the best cost they may lead to
  Placement previous{};              // of the same model; no layers: there is none
  MoveLimits moves{};
};

// expert_ranks.size() entries: `ranks` with slots filled in, none for ranks that are not alive.
// At most `experts` slots each.
[[nodiscard]] std::vector<RankTraits> effective_ranks(const PlanRequest& request);

// Errors: kConfig naming what is wrong with the request, kLimit for more than 2^24 replicas.
[[nodiscard]] Result<void> check_request(const PlanRequest& request);

}  // namespace switchyard::placement
