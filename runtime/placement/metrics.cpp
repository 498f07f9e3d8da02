#include "runtime/placement/metrics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

#include "runtime/base/check.h"

namespace switchyard::placement {
namespace {

// Calls visit(layer, expert load, copies, place of a copy's rank in `ranks`) for every copy.
template <class Visit>
void for_each_copy(const Placement& placement, std::span<const RankId> ranks,
                   std::span<const std::uint64_t> expert_loads, Visit&& visit) {
  SY_CHECK(expert_loads.size() == placement.layers() * placement.experts(), "{} loads",
           expert_loads.size());
  std::unordered_map<RankId, std::size_t> place;
  for (std::size_t r = 0; r < ranks.size(); ++r) place.emplace(ranks[r], r);
  for (std::size_t l = 0; l < placement.layers(); ++l) {
    for (std::uint32_t e = 0; e < placement.experts(); ++e) {
      const auto copies = placement.replicas(l, ExpertId(e));
      for (const Replica& copy : copies) {
        const auto at = place.find(copy.rank);
        SY_CHECK(at != place.end(), "rank {} is not listed", copy.rank.value());
        visit(l, expert_loads[l * placement.experts() + e], copies.size(), at->second);
      }
    }
  }
}

}  // namespace

std::vector<std::vector<double>> rank_loads(const Placement& placement,
                                            std::span<const RankId> ranks,
                                            std::span<const std::uint64_t> expert_loads) {
  std::vector<std::vector<double>> out(placement.layers(), std::vector<double>(ranks.size(), 0.0));
  for_each_copy(placement, ranks, expert_loads,
                [&](std::size_t layer, std::uint64_t load, std::size_t copies, std::size_t rank) {
                  out[layer][rank] += static_cast<double>(load) / static_cast<double>(copies);
                });
  return out;
}

PlacementMetrics measure_placement(const Placement& placement, std::span<const RankId> ranks,
                                   std::span<const std::uint64_t> expert_loads) {
  PlacementMetrics out;
  double sum = 0;
  double mean_sum = 0;
  double max_sum = 0;
  for (const auto& loads : rank_loads(placement, ranks, expert_loads)) {
    const LoadMetrics layer = measure_loads(loads);
    out.layers.push_back(layer);
    sum += layer.max_over_mean;
    out.max_over_mean_worst = std::max(out.max_over_mean_worst, layer.max_over_mean);
    max_sum += *std::max_element(loads.begin(), loads.end());
    mean_sum +=
        std::accumulate(loads.begin(), loads.end(), 0.0) / static_cast<double>(loads.size());
  }
  if (!out.layers.empty()) out.max_over_mean = sum / static_cast<double>(out.layers.size());
  if (max_sum > 0) out.balancedness = mean_sum / max_sum;
  std::vector<std::size_t> active(placement.layers() * ranks.size(), 0);
  for_each_copy(placement, ranks, expert_loads,
                [&](std::size_t layer, std::uint64_t load, std::size_t, std::size_t rank) {
                  active[layer * ranks.size() + rank] += load > 0 ? 1 : 0;
                });
  if (!active.empty()) out.activated_experts_max = *std::max_element(active.begin(), active.end());
  return out;
}

double plan_churn(const Placement& before, const Placement& after) {
  SY_CHECK(before.layers() == after.layers() && before.experts() == after.experts(),
           "placements of different models");
  std::size_t copies = 0;
  std::size_t moved = 0;
  for (std::size_t l = 0; l < after.layers(); ++l) {
    for (std::uint32_t e = 0; e < after.experts(); ++e) {
      const auto old_copies = before.replicas(l, ExpertId(e));
      for (const Replica& copy : after.replicas(l, ExpertId(e))) {
        ++copies;
        moved += std::none_of(old_copies.begin(), old_copies.end(),
                              [&](const Replica& old) { return old.rank == copy.rank; })
                     ? 1
                     : 0;
      }
    }
  }
  return copies == 0 ? 0.0 : static_cast<double>(moved) / static_cast<double>(copies);
}

double load_drift(std::span<const std::uint64_t> before, std::span<const std::uint64_t> after) {
  SY_CHECK(before.size() == after.size(), "{} and {} loads", before.size(), after.size());
  const double sum_before = std::accumulate(before.begin(), before.end(), 0.0);
  const double sum_after = std::accumulate(after.begin(), after.end(), 0.0);
  if (sum_before == 0 || sum_after == 0) return 0;
  double distance = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    distance += std::abs(static_cast<double>(before[i]) / sum_before -
                         static_cast<double>(after[i]) / sum_after);
  }
  return distance / 2;
}

}  // namespace switchyard::placement
