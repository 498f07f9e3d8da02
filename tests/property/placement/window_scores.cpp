#include "tests/property/placement/window_scores.h"

#include <algorithm>
#include <numeric>

#include "runtime/placement/metrics.h"
#include "runtime/placement/planners/eplb.h"

namespace switchyard::placement {
namespace {

double mean_imbalance(const std::vector<std::vector<double>>& layers) {
  double sum = 0;
  for (const auto& loads : layers) {
    const double total = std::accumulate(loads.begin(), loads.end(), 0.0);
    sum += *std::ranges::max_element(loads) * static_cast<double>(loads.size()) / total;
  }
  return sum / static_cast<double>(layers.size());
}

}  // namespace

double imbalance(const PlanRequest& request, const Placement& plan,
                 std::span<const std::uint64_t> loads) {
  return mean_imbalance(rank_loads(plan, request.expert_ranks, loads));
}

double eplb_imbalance(const PlanRequest& request, std::span<const std::uint64_t> loads) {
  const std::size_t ranks = request.expert_ranks.size();
  const EplbSize size{request.layers, request.experts, ranks * request.slots, 1, 1, ranks};
  const std::vector<float> weights(request.loads.begin(), request.loads.end());
  const auto maps = run_eplb(weights, size).value();
  std::vector<std::vector<double>> layers(request.layers, std::vector<double>(ranks, 0.0));
  for (std::size_t i = 0; i < maps.phy2log.size(); ++i) {
    const std::size_t layer = i / size.slots;
    const std::size_t e = layer * size.experts + maps.phy2log[i];
    layers[layer][i % size.slots / request.slots] +=
        static_cast<double>(loads[e]) / static_cast<double>(maps.logcnt[e]);
  }
  return mean_imbalance(layers);
}

}  // namespace switchyard::placement
