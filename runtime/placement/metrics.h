// runtime/placement/metrics.h -- how a placement spreads measured loads over ranks, and how two
// differ. The evenness of one list of loads is base/load_metrics.h. Thread safety: functions
// without state.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/load_metrics.h"
#include "runtime/placement/view.h"

namespace switchyard::placement {

// [layers, ranks] pairs per rank, an expert's load split evenly over its copies. expert_loads
// [layers * experts]; `ranks` as in the plan (ranks that hold nothing count as 0).
[[nodiscard]] std::vector<std::vector<double>> rank_loads(
    const Placement& placement, std::span<const RankId> ranks,
    std::span<const std::uint64_t> expert_loads);

struct PlacementMetrics {
  std::vector<LoadMetrics> layers;  // [layers]
  double max_over_mean = 1;         // mean of the layers
  double max_over_mean_worst = 1;   // of the worst layer
  // sum over layers of the mean load / sum over layers of the largest: the share of the time that
  // an average rank works when the layers run one after the other.
  double balancedness = 1;
  // Largest number of experts with load on one rank in one layer (what decode pays for).
  std::size_t activated_experts_max = 0;
};

[[nodiscard]] PlacementMetrics measure_placement(const Placement& placement,
                                                 std::span<const RankId> ranks,
                                                 std::span<const std::uint64_t> expert_loads);

// Share of the new plan's copies that are on a rank that did not hold the expert before. Both of
// the same shape.
[[nodiscard]] double plan_churn(const Placement& before, const Placement& after);

// Total variation distance of two load distributions of one layer, 0..1; 0 where either is all
// zero.
[[nodiscard]] double load_drift(std::span<const std::uint64_t> before,
                                std::span<const std::uint64_t> after);

}  // namespace switchyard::placement
