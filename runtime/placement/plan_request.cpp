#include "runtime/placement/plan_request.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace switchyard::placement {
namespace {

// Replicas of all layers together; 1024 layers of 1024 experts 16-fold stay below it.
constexpr std::size_t kReplicasMax = std::size_t{1} << 24;
// Sums of loads stay exact in doubles.
constexpr std::uint64_t kLoadMax = std::uint64_t{1} << 40;

[[nodiscard]] bool is_alive(const PlanRequest& request, std::size_t rank) {
  return request.ranks.empty() || request.ranks[rank].alive;
}

[[nodiscard]] std::size_t living_ranks(const PlanRequest& request) {
  std::size_t count = 0;
  for (std::size_t r = 0; r < request.expert_ranks.size(); ++r) count += is_alive(request, r);
  return count;
}

[[nodiscard]] Result<void> check_ranks(const PlanRequest& request) {
  const std::size_t ranks = request.expert_ranks.size();
  if (ranks == 0) return fail(ErrorCode::kConfig, "placement: no expert ranks");
  if (std::set<RankId>(request.expert_ranks.begin(), request.expert_ranks.end()).size() != ranks) {
    return fail(ErrorCode::kConfig, "placement: an expert rank is listed twice");
  }
  if (!request.ranks.empty() && request.ranks.size() != ranks) {
    return fail(ErrorCode::kConfig, "placement: {} descriptions of {} expert ranks",
                request.ranks.size(), ranks);
  }
  for (std::size_t r = 0; r < request.ranks.size(); ++r) {
    const double speed = request.ranks[r].speed;
    if (!(speed >= 1e-6 && speed <= 1e6)) {
      return fail(ErrorCode::kConfig, "placement: rank {} has speed {}, expected 1e-6..1e6",
                  request.expert_ranks[r].value(), speed);
    }
  }
  const std::size_t living = living_ranks(request);
  if (request.replicas == 0 || request.replicas > living) {
    return fail(ErrorCode::kConfig, "placement: {} replicas on {} expert ranks, expected 1..{}",
                request.replicas, living, living);
  }
  return {};
}

[[nodiscard]] Result<void> check_loads(const PlanRequest& request) {
  const std::size_t experts_in_all = request.layers * request.experts;
  if (!request.loads.empty() && request.loads.size() != experts_in_all) {
    return fail(ErrorCode::kConfig, "placement: {} loads for {} layers of {} experts",
                request.loads.size(), request.layers, request.experts);
  }
  if (std::ranges::any_of(request.loads, [](auto load) { return load > kLoadMax; })) {
    return fail(ErrorCode::kLimit, "placement: a load above {}", kLoadMax);
  }
  if (!request.chosen_together.empty() &&
      request.chosen_together.size() != experts_in_all * request.experts) {
    return fail(ErrorCode::kConfig, "placement: {} co-activation counts, expected {}",
                request.chosen_together.size(), experts_in_all * request.experts);
  }
  if (request.objective == Objective::kActivated && !request.loads.empty() && request.tokens == 0) {
    return fail(ErrorCode::kConfig,
                "placement: the objective 'activated' needs the number of tokens of the loads");
  }
  return {};
}

[[nodiscard]] Result<void> check_previous(const PlanRequest& request) {
  const Placement& previous = request.previous;
  if (previous.layers() != 0 &&
      (previous.layers() != request.layers || previous.experts() != request.experts)) {
    return fail(ErrorCode::kConfig,
                "placement: the previous one has {} layers of {} experts, expected {} of {}",
                previous.layers(), previous.experts(), request.layers, request.experts);
  }
  if (!(request.moves.cost >= 0 && std::isfinite(request.moves.cost))) {
    return fail(ErrorCode::kConfig, "placement: a move costs {}, expected 0 or more",
                request.moves.cost);
  }
  if (!(request.together_tolerance >= 0 && request.together_tolerance <= 1)) {
    return fail(ErrorCode::kConfig, "placement: tolerance {}, expected 0..1",
                request.together_tolerance);
  }
  return {};
}

}  // namespace

Result<Objective> parse_objective(std::string_view name) {
  if (name == "tokens") return Objective::kTokens;
  if (name == "activated") return Objective::kActivated;
  return fail(ErrorCode::kUsage, "unknown objective '{}'; there are: tokens, activated",
              name.substr(0, 60));
}

std::vector<RankTraits> effective_ranks(const PlanRequest& request) {
  std::vector<RankTraits> ranks = request.ranks;
  ranks.resize(request.expert_ranks.size());
  const std::size_t living = std::max<std::size_t>(1, living_ranks(request));
  const std::size_t copies = request.experts * request.replicas;
  const std::size_t usual = request.slots != 0 ? request.slots : (copies + living - 1) / living;
  for (RankTraits& rank : ranks) {
    if (rank.slots == 0) rank.slots = usual;
    rank.slots = rank.alive ? std::min(rank.slots, request.experts) : 0;
  }
  return ranks;
}

Result<void> check_request(const PlanRequest& request) {
  SY_TRY(check_ranks(request));
  if (request.layers == 0 || request.experts == 0) {
    return fail(ErrorCode::kConfig, "placement: {} layers of {} experts", request.layers,
                request.experts);
  }
  if (request.layers > kReplicasMax / request.experts ||
      request.layers * request.experts > kReplicasMax / request.replicas) {
    return fail(ErrorCode::kLimit, "placement: more than {} replicas", kReplicasMax);
  }
  SY_TRY(check_loads(request));
  return check_previous(request);
}

}  // namespace switchyard::placement
