#include "runtime/placement/planners/planner.h"

namespace switchyard::placement {

Result<Placement> plan_round_robin(const PlanRequest& request) {
  std::vector<std::size_t> primary;
  primary.reserve(request.experts);
  for (std::size_t e = 0; e < request.experts; ++e) {
    primary.push_back(e % request.expert_ranks.size());
  }
  return place_copies(request, primary);
}

}  // namespace switchyard::placement
