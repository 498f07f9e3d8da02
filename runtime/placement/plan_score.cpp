#include "runtime/placement/plan_score.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "runtime/base/check.h"
#include "runtime/placement/rebalance.h"

namespace switchyard::placement {
namespace {

// Of the worst rank of a layer: sum over its experts of the chance that a step's tokens choose it.
[[nodiscard]] double activated_experts(const Placement& placement, std::size_t layer,
                                       std::span<const std::uint64_t> loads, double tokens,
                                       std::size_t step_tokens) {
  std::unordered_map<RankId, double> sums;
  double worst = 0;
  for (std::uint32_t e = 0; e < placement.experts(); ++e) {
    const auto copies = placement.replicas(layer, ExpertId(e));
    const double share =
        static_cast<double>(loads[e]) / tokens / static_cast<double>(copies.size());
    const double chance = 1 - std::pow(1 - share, static_cast<double>(step_tokens));
    for (const Replica& copy : copies) worst = std::max(worst, sums[copy.rank] += chance);
  }
  return worst;
}

}  // namespace

PlanScore score_plan(const Placement& placement, const RankList& ranks, const LoadTrace& trace,
                     TraceWindow window, std::size_t step_tokens) {
  const auto loads = trace.loads(window);
  const auto tokens = static_cast<double>(trace.tokens(window));
  const auto per_token = trace.ranks_per_token(placement, window);
  SY_CHECK(tokens > 0, "an empty window");
  PlanScore score;
  score.layers.resize(placement.layers());
  const std::vector<double> by_layer = layer_imbalance(placement, ranks.ranks, ranks.traits, loads);
  for (std::size_t l = 0; l < placement.layers(); ++l) {
    const auto own = std::span(loads).subspan(l * placement.experts(), placement.experts());
    PlanScore::Layer& layer = score.layers[l];
    layer.imbalance = by_layer[l];
    layer.activated = activated_experts(placement, l, own, tokens, step_tokens);
    layer.ranks_per_token = per_token[l];
    const auto count = static_cast<double>(placement.layers());
    score.imbalance += (layer.imbalance - 1) / count;
    score.imbalance_worst = std::max(score.imbalance_worst, layer.imbalance);
    score.activated += layer.activated / count;
    score.ranks_per_token += layer.ranks_per_token / count;
  }
  score.balancedness = 1 / imbalance(placement, ranks.ranks, ranks.traits, loads);
  return score;
}

}  // namespace switchyard::placement
