// Laws of the order of moves between random placements; each run prints its seed on failure.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "runtime/base/random.h"
#include "runtime/placement/rebalance_moves.h"

namespace switchyard::placement {
namespace {

struct Trial {
  explicit Trial(std::uint64_t seed) : random(seed) {
    experts = 1 + random.next_below(16);
    const std::size_t rank_count = 1 + random.next_below(6);
    for (std::uint32_t r = 0; r < rank_count; ++r) {
      ranks.emplace_back(r);
      // No slot more than needed, or a few.
      traits.push_back({.slots = (experts + rank_count - 1) / rank_count + random.next_below(2)});
    }
    now = random_placement();
    plan = random_placement();
  }

  Placement random_placement() {
    std::vector<std::uint32_t> used(ranks.size(), 0);
    std::vector<std::vector<Replica>> lists(2 * experts);
    for (std::size_t l = 0; l < 2; ++l) {
      std::ranges::fill(used, 0U);
      for (std::size_t e = 0; e < 2 * experts; ++e) {  // a second copy only where it happens to fit
        const std::size_t r = random.next_below(ranks.size());
        for (std::size_t i = 0; i < (e < experts ? ranks.size() : 1); ++i) {
          const std::size_t at = (r + i) % ranks.size();
          auto& list = lists[l * experts + e % experts];
          const bool there = std::ranges::any_of(
              list, [&](const Replica& copy) { return copy.rank == ranks[at]; });
          if (used[at] >= traits[at].slots || there) continue;
          list.push_back({ranks[at], SlotId(used[at]++)});
          break;
        }
      }
    }
    return Placement::create(2, experts, std::move(lists)).value();
  }

  Random random;
  std::size_t experts = 0;
  std::vector<RankId> ranks;
  std::vector<RankTraits> traits;
  Placement now;
  Placement plan;
};

using Copies = std::set<std::tuple<std::size_t, ExpertId, RankId>>;

Copies copies_of(const Placement& placement) {
  Copies out;
  for (std::size_t l = 0; l < placement.layers(); ++l) {
    for (std::uint32_t e = 0; e < placement.experts(); ++e) {
      for (const Replica& copy : placement.replicas(l, ExpertId(e))) {
        out.emplace(l, ExpertId(e), copy.rank);
      }
    }
  }
  return out;
}

// Plays the moves; returns how many drops left an expert without a copy.
std::size_t play(const Trial& trial, std::size_t spare) {
  const auto moves = order_moves(trial.now, trial.plan, {trial.ranks, trial.traits, spare}).value();
  Copies copies = copies_of(trial.now);
  std::size_t gaps = 0;
  for (const Move& move : moves) {
    const std::tuple copy(move.layer, move.expert, move.rank);
    if (move.kind == Move::Kind::kLoad) {
      EXPECT_TRUE(copies.insert(copy).second);
      const auto held = std::ranges::count_if(copies, [&](const auto& other) {
        return std::get<0>(other) == move.layer && std::get<2>(other) == move.rank;
      });
      EXPECT_LE(static_cast<std::size_t>(held), trial.traits[move.rank.index()].slots + spare);
    } else {
      EXPECT_EQ(copies.erase(copy), 1U);
      const bool reachable = std::ranges::any_of(copies, [&](const auto& other) {
        return std::get<0>(other) == move.layer && std::get<1>(other) == move.expert;
      });
      EXPECT_EQ(reachable, !move.leaves_gap);
      gaps += reachable ? 0 : 1;
    }
  }
  EXPECT_EQ(copies, copies_of(trial.plan));
  return gaps;
}

TEST(MoveLaws, LeadToThePlanWithinRoomAndWithASpareSlotWithoutGaps) {
  std::size_t gaps_without = 0;
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    const Trial trial(seed);
    EXPECT_EQ(play(trial, 1), 0U);
    EXPECT_EQ(play(trial, 2), 0U);
    gaps_without += play(trial, 0);
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(gaps_without, 0U);  // the trials are tight enough to need the spare slot
}

}  // namespace
}  // namespace switchyard::placement
