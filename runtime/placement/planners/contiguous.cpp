#include "runtime/placement/planners/planner.h"

namespace switchyard::placement {

Result<Placement> plan_contiguous(const PlanRequest& request) {
  const std::size_t ranks = request.expert_ranks.size();
  const std::size_t base = request.experts / ranks;
  const std::size_t extra = request.experts % ranks;
  std::vector<std::size_t> primary;
  primary.reserve(request.experts);
  for (std::size_t r = 0; r < ranks; ++r) {
    primary.insert(primary.end(), base + (r < extra ? 1 : 0), r);
  }
  return place_copies(request, primary);
}

}  // namespace switchyard::placement
