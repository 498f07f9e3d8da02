#include <algorithm>

#include "runtime/placement/planners/planner.h"

namespace switchyard::placement {

Result<Placement> place_copies(const PlanRequest& request,
                               const std::vector<std::size_t>& primary) {
  const std::size_t ranks = request.expert_ranks.size();
  const std::size_t stride = std::max<std::size_t>(1, ranks / request.replicas);
  std::vector<std::vector<Replica>> one_layer(request.experts);
  std::vector<std::uint32_t> next_slot(ranks, 0);
  for (std::size_t copy = 0; copy < request.replicas; ++copy) {
    for (std::size_t e = 0; e < request.experts; ++e) {
      const std::size_t r = (primary[e] + copy * stride) % ranks;
      one_layer[e].push_back({request.expert_ranks[r], SlotId(next_slot[r]++)});
    }
  }
  std::vector<std::vector<Replica>> all;
  all.reserve(request.layers * request.experts);
  for (std::size_t l = 0; l < request.layers; ++l) {
    all.insert(all.end(), one_layer.begin(), one_layer.end());
  }
  return Placement::create(request.layers, request.experts, std::move(all));
}

}  // namespace switchyard::placement
