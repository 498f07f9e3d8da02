#include "runtime/placement/planners/layer_start.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "runtime/placement/planners/layer_repair.h"

namespace switchyard::placement {
namespace {

[[nodiscard]] std::vector<ExpertId> all_experts(const PackingProblem& problem) {
  std::vector<ExpertId> experts;
  for (std::uint32_t e = 0; e < problem.experts; ++e) experts.emplace_back(e);
  return experts;
}

[[nodiscard]] std::vector<std::size_t> copies_by_load(const LayerPacking& packing) {
  const PackingProblem& problem = packing.problem();
  std::vector<std::size_t> copies(problem.experts, problem.copies_min);
  std::size_t spare = 0;
  for (const auto& rank : problem.ranks) spare += rank.slots;
  spare -= problem.experts * problem.copies_min;
  const auto before = [&](ExpertId a, ExpertId b) {
    const double cost_a = packing.cost_at(a, copies[a.index()]);
    const double cost_b = packing.cost_at(b, copies[b.index()]);
    return std::tuple(-cost_a, copies[a.index()], a) < std::tuple(-cost_b, copies[b.index()], b);
  };
  std::vector<ExpertId> open = all_experts(problem);
  for (; spare > 0 && !open.empty(); --spare) {
    const auto best = std::ranges::min_element(open, before);
    if (++copies[best->index()] == problem.ranks.size()) open.erase(best);
  }
  return copies;
}

// Moves copies of others, one after the other, until one of `expert` fits. With `region`, only
// ranks of that region will do.
class RoomMaker {
 public:
  explicit RoomMaker(LayerPacking& packing)
      : packing_(packing), visited_(packing.problem().ranks.size(), false) {}

  bool place(ExpertId expert, std::size_t region) {
    const auto& ranks = packing_.problem().ranks;
    for (std::size_t r = 0; r < ranks.size(); ++r) {
      const bool fits = region == LayerPacking::kNoRank || ranks[r].domain[2] == region;
      if (visited_[r] || !fits || packing_.holds(r, expert)) continue;
      visited_[r] = true;
      if (packing_.free_slots(r) == 0 && !free_a_slot(r)) continue;
      packing_.add(expert, r);
      return true;
    }
    return false;
  }

 private:
  bool free_a_slot(std::size_t rank) {
    const std::vector<ExpertId> there(packing_.held(rank).begin(), packing_.held(rank).end());
    for (const ExpertId other : there) {
      const std::size_t missing = packing_.shortfall(other, Domain::kRegion);
      packing_.remove(other, rank);
      const bool only_copy = packing_.shortfall(other, Domain::kRegion) > missing;
      const auto region = only_copy && packing_.problem().spread[2] > 1
                              ? std::size_t{packing_.problem().ranks[rank].domain[2]}
                              : LayerPacking::kNoRank;
      if (place(other, region)) return true;
      packing_.add(other, rank);
    }
    return false;
  }

  LayerPacking& packing_;
  std::vector<bool> visited_;
};

// Onto the rank that is best for it; with `region`, of that region. False where none has room.
bool place_copy(LayerPacking& packing, ExpertId expert, double cost, std::size_t region) {
  const auto& ranks = packing.problem().ranks;
  std::size_t best = LayerPacking::kNoRank;
  std::tuple<std::size_t, double> best_key;
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    const bool fits = region == LayerPacking::kNoRank || ranks[r].domain[2] == region;
    if (!fits || packing.free_slots(r) == 0 || packing.holds(r, expert)) continue;
    // Of its own earlier copies the rank cannot hold one; `cost` is that of the final number.
    const std::tuple key(packing.shortfall(expert, {.without = LayerPacking::kNoRank, .with = r}),
                         packing.time(r, packing.load(r) + cost));
    if (best == LayerPacking::kNoRank || key < best_key) {
      best = r;
      best_key = key;
    }
  }
  if (best == LayerPacking::kNoRank) return RoomMaker(packing).place(expert, region);
  packing.add(expert, best);
  return true;
}

[[nodiscard]] std::size_t copies_in(const LayerPacking& packing, ExpertId expert,
                                    std::size_t region) {
  return static_cast<std::size_t>(std::ranges::count_if(
      packing.ranks_of(expert),
      [&](std::size_t rank) { return packing.problem().ranks[rank].domain[2] == region; }));
}

// Takes a copy away whose region has another one.
void give_up_double(LayerPacking& packing, ExpertId expert) {
  const std::vector<std::size_t> ranks(packing.ranks_of(expert).begin(),
                                       packing.ranks_of(expert).end());
  const auto twice = std::ranges::find_if(ranks.rbegin(), ranks.rend(), [&](std::size_t rank) {
    return copies_in(packing, expert, packing.problem().ranks[rank].domain[2]) > 1;
  });
  if (twice != ranks.rend()) packing.remove(expert, *twice);
}

// What a region lacks goes there before other copies fill it. An expert that has enough gives one
// up for it: there may be slots for no more.
void reach_regions(LayerPacking& packing, const std::vector<ExpertId>& order) {
  const PackingProblem& problem = packing.problem();
  if (problem.spread[2] <= 1) return;
  for (std::size_t region = 0; region < problem.domain_count[2]; ++region) {
    for (const ExpertId e : order) {
      if (copies_in(packing, e, region) > 0) continue;
      if (packing.copies(e) >= problem.copies_min) give_up_double(packing, e);
      place_copy(packing, e, packing.cost_at(e, problem.copies_min), region);
    }
  }
}

[[nodiscard]] Result<void> check_complete(const LayerPacking& packing) {
  for (const ExpertId expert : all_experts(packing.problem())) {
    if (packing.copies(expert) < packing.problem().copies_min ||
        packing.shortfall(expert, Domain::kRegion) > 0) {
      return fail(ErrorCode::kConfig,
                  "balanced: expert {} finds no rank for {} copies{}; give more slots",
                  expert.value(), packing.problem().copies_min,
                  packing.problem().spread[2] > 1 ? " in every region" : "");
    }
  }
  return {};
}

}  // namespace

Result<void> fill_fresh(LayerPacking& packing, Objective objective) {
  const PackingProblem& problem = packing.problem();
  std::vector<std::size_t> copies(problem.experts, problem.copies_min);
  if (objective == Objective::kTokens) copies = copies_by_load(packing);
  std::vector<double> cost(problem.experts);
  for (const ExpertId e : all_experts(problem)) {
    cost[e.index()] = packing.cost_at(e, copies[e.index()]);
  }
  auto order = all_experts(problem);
  std::ranges::stable_sort(order, std::ranges::greater{},
                           [&](ExpertId e) { return cost[e.index()]; });
  if (problem.spread[2] > 1) {  // first what must be in each region, while there is room
    for (std::size_t region = 0; region < problem.domain_count[2]; ++region) {
      for (const ExpertId e : order) place_copy(packing, e, cost[e.index()], region);
    }
  }
  for (const ExpertId e : order) {
    while (packing.copies(e) < copies[e.index()] &&
           place_copy(packing, e, cost[e.index()], LayerPacking::kNoRank)) {
    }
  }
  repair_spread(packing);
  return check_complete(packing);
}

Result<void> fill_from_previous(LayerPacking& packing, const Placement& previous,
                                std::size_t layer) {
  const PackingProblem& problem = packing.problem();
  const auto place_of = [&](RankId id) {
    const auto found = std::ranges::lower_bound(problem.ranks, id, {}, &PackingProblem::Rank::id);
    const bool there = found != problem.ranks.end() && found->id == id;
    return there ? static_cast<std::size_t>(found - problem.ranks.begin()) : LayerPacking::kNoRank;
  };
  std::vector<std::vector<std::size_t>> homes(problem.experts);
  for (const ExpertId e : all_experts(problem)) {
    for (const Replica& replica : previous.replicas(layer, e)) {
      const std::size_t rank = place_of(replica.rank);
      if (rank != LayerPacking::kNoRank) homes[e.index()].push_back(rank);
    }
  }
  auto order = all_experts(problem);
  std::ranges::stable_sort(order, {}, [&](ExpertId e) { return homes[e.index()].size(); });
  for (const ExpertId e : order) {
    for (const std::size_t rank : homes[e.index()]) {
      if (packing.free_slots(rank) > 0) packing.add(e, rank);
    }
  }
  give_up_spare_copies(packing);
  std::ranges::stable_sort(order, std::ranges::greater{},
                           [&](ExpertId e) { return packing.cost_at(e, problem.copies_min); });
  reach_regions(packing, order);
  for (const ExpertId e : order) {
    const double cost = packing.cost_at(e, problem.copies_min);
    while (packing.copies(e) < problem.copies_min &&
           place_copy(packing, e, cost, LayerPacking::kNoRank)) {
    }
  }
  repair_spread(packing);
  return check_complete(packing);
}

}  // namespace switchyard::placement
