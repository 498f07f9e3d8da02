#include <algorithm>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <tuple>

#include "runtime/placement/planners/planner.h"

namespace switchyard::placement {
namespace {

// Whether names tell ranks apart, but not each from each other; without a name a rank is alone.
template <class Name>
bool groups_ranks(const std::vector<RankTraits>& ranks, Name name) {
  std::set<std::string> names;
  std::size_t alone = 0;
  for (const RankTraits& rank : ranks) {
    const std::string& own = std::invoke(name, rank);
    own.empty() ? (void)++alone : (void)names.insert(own);
  }
  const std::size_t groups = names.size() + alone;
  return groups > 1 && groups < ranks.size();
}

[[nodiscard]] std::size_t region_count(const std::vector<RankTraits>& ranks) {
  std::set<std::string> names;
  for (const RankTraits& rank : ranks) names.insert(rank.region);
  return names.size();
}

// One layer, copy by copy.
class Spread {
 public:
  explicit Spread(const PlanRequest& request)
      : ranks_(request.expert_ranks.size()),
        request_(request),
        apart_(groups_ranks(request.ranks, &RankTraits::host) ||
               groups_ranks(request.ranks, &RankTraits::zone) ||
               (request.every_region && region_count(request.ranks) > 1)),
        holders_(request.experts),
        held_(ranks_, 0) {}

  // To the rank at `place`, or to a better one.
  void put(std::size_t expert, std::size_t place) {
    auto& holders = holders_[expert];
    const std::size_t rank = apart_ && !holders.empty() ? best(holders, place) : place;
    holders.push_back(rank);
    out_.resize(request_.experts);
    out_[expert].push_back({request_.expert_ranks[rank], SlotId(held_[rank]++)});
  }

  [[nodiscard]] const std::vector<std::vector<Replica>>& layer() const { return out_; }

 private:
  [[nodiscard]] std::size_t best(const std::vector<std::size_t>& holders, std::size_t place) const {
    const auto shared = [&](std::size_t rank, auto name) {
      const std::string& own = request_.ranks[rank].*name;
      return std::ranges::count_if(holders, [&](std::size_t other) {
        return !own.empty() && request_.ranks[other].*name == own;
      });
    };
    const auto reached = [&](std::size_t rank) {
      return request_.every_region && std::ranges::any_of(holders, [&](std::size_t other) {
               return request_.ranks[other].region == request_.ranks[rank].region;
             });
    };
    std::size_t found = place;
    auto least = std::tuple(true, PTRDIFF_MAX, PTRDIFF_MAX, UINT32_MAX, SIZE_MAX);
    for (std::size_t further = 0; further < ranks_; ++further) {
      const std::size_t rank = (place + further) % ranks_;
      if (std::ranges::find(holders, rank) != holders.end()) continue;
      const auto cost = std::tuple(reached(rank), shared(rank, &RankTraits::host),
                                   shared(rank, &RankTraits::zone), held_[rank], further);
      if (cost >= least) continue;
      least = cost;
      found = rank;
    }
    return found;
  }

  std::size_t ranks_;
  const PlanRequest& request_;
  bool apart_;
  std::vector<std::vector<std::size_t>> holders_;  // [experts] places in expert_ranks
  std::vector<std::uint32_t> held_;                // [ranks] copies, which number the slots
  std::vector<std::vector<Replica>> out_;          // [experts]
};

}  // namespace

Result<Placement> place_copies(const PlanRequest& request,
                               const std::vector<std::size_t>& primary) {
  const std::size_t ranks = request.expert_ranks.size();
  const std::size_t regions = request.every_region ? region_count(request.ranks) : 0;
  const std::size_t copies = std::max(request.replicas, regions);
  const std::size_t stride = std::max<std::size_t>(1, ranks / copies);
  Spread spread(request);
  for (std::size_t copy = 0; copy < copies; ++copy) {
    for (std::size_t e = 0; e < request.experts; ++e) {
      spread.put(e, (primary[e] + copy * stride) % ranks);
    }
  }
  const auto& one_layer = spread.layer();
  std::vector<std::vector<Replica>> all;
  all.reserve(request.layers * request.experts);
  for (std::size_t l = 0; l < request.layers; ++l) {
    all.insert(all.end(), one_layer.begin(), one_layer.end());
  }
  return Placement::create(request.layers, request.experts, std::move(all));
}

}  // namespace switchyard::placement
