// runtime/placement/rebalance.h -- whether a new placement is worth going to, judged on the loads
// of a window. Pure functions of what they are given; nothing is moved here (rebalance_moves.h
// orders the moves). Thread safety: functions without state.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/placement/plan_request.h"

namespace switchyard::placement {

struct RebalanceQuestion {
  const Placement* now = nullptr;  // of the same model
  const Placement* plan = nullptr;
  std::span<const RankId> ranks;         // all that either names
  std::span<const RankTraits> traits;    // [ranks]: speed and alive
  std::span<const std::uint64_t> loads;  // of the window, [layers * experts]
  double imbalance_floor = 1;            // that of uniform routing with as many pairs
};

// What a plan must bring.
struct RebalanceLimits {
  double imbalance_min = 1.15;    // of the placement now; also above the floor by the same factor
  double improvement_min = 0.05;  // share of the imbalance that goes
};

// What time is made of. A rank loads its new copies one after the other, all ranks at once.
struct RebalanceTimes {
  double step_seconds = 0;
  double expert_share = 1;   // of a step that is spent in experts, 0..1
  double horizon_steps = 0;  // that the plan will serve
  double expert_bytes = 0;
  double bytes_per_second = 1;  // into one rank
  double stall_seconds = 0;     // of all ranks, whatever is moved
};

enum class RebalanceReason : std::uint8_t {
  kWorthIt,
  kRepair,    // an expert has no living copy now: go, whatever it costs
  kNoChange,  // the plan moves nothing
  kEven,      // the placement now is even enough
  kTooLittle,
  kTooDear,
};
[[nodiscard]] std::string_view to_string(RebalanceReason reason) noexcept;

struct RebalanceDecision {
  bool go = false;
  RebalanceReason reason = RebalanceReason::kNoChange;
  double imbalance_now = 1;  // time with the slowest ranks over time if all were even
  double imbalance_plan = 1;
  double gain_seconds = 0;  // over the horizon
  double cost_seconds = 0;
  std::size_t loads = 0;  // copies that a rank must load
};

// Copies on dead ranks do not count; an expert's load is split evenly over the others.
[[nodiscard]] RebalanceDecision decide_rebalance(const RebalanceQuestion& question,
                                                 const RebalanceLimits& limits,
                                                 const RebalanceTimes& times);

// Sum over the layers of the largest load / speed, over that of loads spread evenly by speed. 1 for
// no load at all. Ranks as in RebalanceQuestion.
[[nodiscard]] double imbalance(const Placement& placement, std::span<const RankId> ranks,
                               std::span<const RankTraits> traits,
                               std::span<const std::uint64_t> loads);

// The same of each layer alone.
[[nodiscard]] std::vector<double> layer_imbalance(const Placement& placement,
                                                  std::span<const RankId> ranks,
                                                  std::span<const RankTraits> traits,
                                                  std::span<const std::uint64_t> loads);

}  // namespace switchyard::placement
