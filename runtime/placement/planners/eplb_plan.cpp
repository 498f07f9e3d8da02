// The planner `eplb`: what EPLB is told of a request, and its maps as a placement.
#include <algorithm>
#include <map>

#include "runtime/placement/planners/eplb.h"
#include "runtime/placement/planners/planner.h"

namespace switchyard::placement {
namespace {

struct EqualRanks {
  std::vector<RankId> ranks;  // living ones, host by host
  std::size_t slots = 0;      // of each
  std::size_t hosts = 1;      // 1 where hosts are of different size
};

[[nodiscard]] Result<EqualRanks> equal_ranks(const PlanRequest& request) {
  const auto traits = effective_ranks(request);
  EqualRanks out;
  std::map<std::string, std::vector<RankId>> hosts;
  for (std::size_t r = 0; r < traits.size(); ++r) {
    if (!traits[r].alive) continue;
    const RankId rank = request.expert_ranks[r];
    if (out.slots != 0 && traits[r].slots != out.slots) {
      return fail(ErrorCode::kConfig,
                  "eplb: rank {} has {} slots, others {}; it knows only equal ranks, `balanced` "
                  "takes any",
                  rank.value(), traits[r].slots, out.slots);
    }
    out.slots = traits[r].slots;
    // A host without a name is one of its own.
    const std::string& host = traits[r].host;
    hosts[host.empty() ? fmt::format("/{:08}", r) : host].push_back(rank);
  }
  const std::size_t first_size = hosts.begin()->second.size();
  const bool alike = std::ranges::all_of(
      hosts, [&](const auto& host) { return host.second.size() == first_size; });
  out.hosts = alike ? hosts.size() : 1;
  for (const auto& [host, members] : hosts) {
    out.ranks.insert(out.ranks.end(), members.begin(), members.end());
  }
  return out;
}

// Copies that EPLB puts on one rank twice become one.
[[nodiscard]] Result<Placement> merge_copies(const EplbMaps& maps, const EplbSize& size,
                                             const std::vector<RankId>& ranks) {
  const std::size_t rank_slots = size.slots / size.ranks;
  std::vector<std::vector<Replica>> replicas(size.layers * size.experts);
  for (std::size_t l = 0; l < size.layers; ++l) {
    for (std::size_t r = 0; r < size.ranks; ++r) {
      std::uint32_t slot = 0;
      for (std::size_t s = r * rank_slots; s < (r + 1) * rank_slots; ++s) {
        auto& copies = replicas[l * size.experts + maps.phy2log[l * size.slots + s]];
        if (!copies.empty() && copies.back().rank == ranks[r]) continue;
        copies.push_back({ranks[r], SlotId(slot++)});
      }
    }
  }
  return Placement::create(size.layers, size.experts, std::move(replicas));
}

}  // namespace

Result<Placement> plan_eplb(const PlanRequest& request) {
  SY_ASSIGN(const EqualRanks equal, equal_ranks(request));
  EplbSize size;
  size.layers = request.layers;
  size.experts = request.experts;
  size.ranks = equal.ranks.size();
  size.slots = equal.slots * size.ranks;
  size.groups = request.groups;
  size.nodes = equal.hosts;
  std::vector<float> weights(request.layers * request.experts, 1.0F);
  if (!request.loads.empty()) {
    std::ranges::transform(request.loads, weights.begin(),
                           [](std::uint64_t load) { return static_cast<float>(load); });
  }
  SY_ASSIGN(const EplbMaps maps, run_eplb(weights, size));
  return merge_copies(maps, size, equal.ranks);
}

}  // namespace switchyard::placement
