#include "runtime/placement/planner_table.h"

#include <fmt/ranges.h>

#include <set>

namespace switchyard::placement {
namespace {

// Replicas of all layers together; 1024 layers of 1024 experts 16-fold stay below it.
constexpr std::size_t kReplicasMax = std::size_t{1} << 24;

[[nodiscard]] Result<void> check(const PlanRequest& request) {
  const std::size_t ranks = request.expert_ranks.size();
  if (ranks == 0) return fail(ErrorCode::kConfig, "placement: no expert ranks");
  if (std::set<RankId>(request.expert_ranks.begin(), request.expert_ranks.end()).size() != ranks) {
    return fail(ErrorCode::kConfig, "placement: an expert rank is listed twice");
  }
  if (request.layers == 0 || request.experts == 0) {
    return fail(ErrorCode::kConfig, "placement: {} layers of {} experts", request.layers,
                request.experts);
  }
  if (request.replicas == 0 || request.replicas > ranks) {
    return fail(ErrorCode::kConfig, "placement: {} replicas on {} expert ranks, expected 1..{}",
                request.replicas, ranks, ranks);
  }
  if (request.layers > kReplicasMax / request.experts ||
      request.layers * request.experts > kReplicasMax / request.replicas) {
    return fail(ErrorCode::kLimit, "placement: more than {} replicas", kReplicasMax);
  }
  return {};
}

}  // namespace

const std::vector<PlannerEntry>& planner_table() {
  static const std::vector<PlannerEntry> table = {
      {"contiguous", "neighbouring experts on the same rank", &plan_contiguous},
      {"round-robin", "expert e on rank e mod ranks", &plan_round_robin},
  };
  return table;
}

Result<Placement> plan_placement(std::string_view name, const PlanRequest& request) {
  std::vector<std::string_view> names;
  for (const PlannerEntry& entry : planner_table()) {
    if (entry.name == name) {
      SY_TRY(check(request));
      return entry.plan(request);
    }
    names.push_back(entry.name);
  }
  return fail(ErrorCode::kConfig, "unknown placement '{}'; there are: {}", name.substr(0, 60),
              fmt::join(names, ", "));
}

}  // namespace switchyard::placement
