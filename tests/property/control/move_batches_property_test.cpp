// Batches of moves over random placements: bounded, safe on the way, and they arrive.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/base/random.h"
#include "runtime/control/move_batches.h"

namespace switchyard::control {
namespace {

constexpr std::size_t kLayers = 3;
constexpr std::uint32_t kExperts = 12;
constexpr std::uint32_t kRanks = 5;

// Ranks 0 and 1 are a group, ranks 2 to 4 another.
const std::vector<std::set<RankId>> kGroups = {{RankId(0), RankId(1)},
                                               {RankId(2), RankId(3), RankId(4)}};

bool in(const std::vector<placement::Replica>& copies, const std::set<RankId>& group) {
  return std::ranges::any_of(copies, [&](const auto& copy) { return group.contains(copy.rank); });
}

CopyTable random_table(Random& random) {
  CopyTable out{kLayers, kExperts, {}};
  for (std::size_t i = 0; i < kLayers * kExperts; ++i) {
    std::set<std::uint32_t> ranks;
    const std::size_t count = 1 + random.next_below(3);
    while (ranks.size() < count) {
      ranks.insert(static_cast<std::uint32_t>(random.next_below(kRanks)));
    }
    auto& copies = out.copies.emplace_back();
    for (const std::uint32_t rank : ranks) copies.push_back({RankId(rank), SlotId()});
  }
  keep_slots(out,
             {kLayers, kExperts, std::vector<std::vector<placement::Replica>>(kLayers * kExperts)});
  return out;
}

placement::Placement placed(const CopyTable& table) {
  return placement::Placement::create(table.layers, table.experts, table.copies).value();
}

// Copies that are in `after` and not in `before`.
std::size_t loads_between(const CopyTable& before, const CopyTable& after) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < after.copies.size(); ++i) {
    for (const auto& copy : after.copies[i]) {
      count += std::ranges::count(before.copies[i], copy.rank, &placement::Replica::rank) == 0;
    }
  }
  return count;
}

TEST(MoveBatchesLaws, EveryTableOnTheWayIsSafeAndTheLastIsTheGoal) {
  std::vector<RankId> ranks;
  for (std::uint32_t r = 0; r < kRanks; ++r) ranks.emplace_back(r);
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Random random(seed);
    const CopyTable start = random_table(random);
    const CopyTable goal = random_table(random);
    const std::size_t copies_max = 1 + random.next_below(9);
    auto batches = MoveBatches::create(placed(start), placed(goal), ranks, kGroups).value();
    EXPECT_EQ(batches.loads(), loads_between(start, goal));
    CopyTable table = start;
    std::size_t views = 0;
    while (!batches.done()) {
      ASSERT_LE(++views, batches.loads() + kLayers * kExperts);
      CopyTable next = batches.next(copies_max);
      EXPECT_TRUE(same_ranks(next, batches.next(copies_max)));  // until it is taken
      EXPECT_LE(loads_between(table, next), copies_max);
      for (std::size_t i = 0; i < next.copies.size(); ++i) {
        EXPECT_GE(next.copies[i].size(), std::min(start.copies[i].size(), goal.copies[i].size()));
        for (const auto& group : kGroups) {
          EXPECT_TRUE(in(next.copies[i], group) || !in(start.copies[i], group) ||
                      !in(goal.copies[i], group));
        }
      }
      keep_slots(next, table);
      (void)placed(next);  // no two copies in one slot
      table = std::move(next);
      batches.take();
    }
    EXPECT_TRUE(same_ranks(table, goal));
    EXPECT_EQ(batches.loads_done(), batches.loads());
  }
}

}  // namespace
}  // namespace switchyard::control
