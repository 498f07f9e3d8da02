// Copies that are missing: how many, and where they go.
#include "runtime/control/placement_repair.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace switchyard::control {
namespace {

constexpr std::size_t kExperts = 8;

// Expert e of the one layer on these ranks.
CopyTable table_of(const std::function<std::vector<std::uint32_t>(std::size_t)>& ranks_of) {
  CopyTable table{1, kExperts, {}};
  for (std::size_t e = 0; e < kExperts; ++e) {
    auto& copies = table.copies.emplace_back();
    for (const std::uint32_t rank : ranks_of(e)) {
      copies.push_back({RankId(rank), SlotId(static_cast<std::uint32_t>(e))});
    }
  }
  return table;
}

std::size_t count_on(const CopyTable& table, std::size_t e, const std::set<RankId>& ranks) {
  return static_cast<std::size_t>(std::ranges::count_if(
      table.copies[e], [&](const auto& copy) { return ranks.contains(copy.rank); }));
}

RepairRequest request_for(std::vector<RankId> targets, std::size_t replicas, Evenness evenness) {
  return {std::move(targets), replicas, evenness, {}, {}, {}};
}

TEST(PlacementRepair, PutsTheSecondCopyOnAnotherHost) {
  // Ranks 1 and 2 are on host a, 3 and 4 on b; every expert is on 1 or 3.
  for (const Evenness evenness : {Evenness::kLeave, Evenness::kLevel}) {
    CopyTable table =
        table_of([](std::size_t e) { return std::vector<std::uint32_t>{e % 2 == 0 ? 1U : 3U}; });
    auto how = request_for({RankId(1), RankId(2), RankId(3), RankId(4)}, 2, evenness);
    for (const std::uint32_t r : {1U, 2U}) how.spots[RankId(r)] = {"a", ""};
    for (const std::uint32_t r : {3U, 4U}) how.spots[RankId(r)] = {"b", ""};
    ASSERT_TRUE(repair(table, how));
    for (std::size_t e = 0; e < kExperts; ++e) {
      EXPECT_EQ(count_on(table, e, {RankId(1), RankId(2)}), 1U) << "expert " << e;
      EXPECT_EQ(count_on(table, e, {RankId(3), RankId(4)}), 1U) << "expert " << e;
    }
  }
}

// One host, two zones: then the zone is what may fail.
TEST(PlacementRepair, PutsTheSecondCopyInAnotherZoneWhereTheHostsAreAlike) {
  CopyTable table = table_of([](std::size_t) { return std::vector<std::uint32_t>{1}; });
  auto how = request_for({RankId(1), RankId(2), RankId(3)}, 2, Evenness::kLeave);
  how.spots = {{RankId(1), {"h1", "x"}}, {RankId(2), {"h2", "x"}}, {RankId(3), {"h3", "y"}}};
  ASSERT_TRUE(repair(table, how));
  for (std::size_t e = 0; e < kExperts; ++e) EXPECT_EQ(count_on(table, e, {RankId(3)}), 1U);
}

// A death inside the regions of a rule takes no last copy of theirs, as far as there are ranks.
TEST(PlacementRepair, GivesEachGroupAsManyCopiesAsItHasRanksFor) {
  CopyTable table = table_of([](std::size_t) { return std::vector<std::uint32_t>{5}; });
  auto how = request_for({RankId(1), RankId(2), RankId(3), RankId(5)}, 2, Evenness::kLeave);
  how.groups = {{RankId(1), RankId(2), RankId(3)}, {RankId(5)}};
  ASSERT_TRUE(repair(table, how));
  for (std::size_t e = 0; e < kExperts; ++e) {
    EXPECT_EQ(count_on(table, e, how.groups[0]), 2U) << "expert " << e;
    EXPECT_EQ(table.copies[e].size(), 3U) << "expert " << e;
  }
}

// One copy in each region besides what is wanted in all; evening out leaves it there.
TEST(PlacementRepair, GivesEachRegionOneCopyAndLeavesItThere) {
  for (const Evenness evenness : {Evenness::kLeave, Evenness::kLevel}) {
    CopyTable table = table_of([](std::size_t) { return std::vector<std::uint32_t>{5}; });
    auto how = request_for({RankId(1), RankId(2), RankId(3), RankId(5)}, 1, evenness);
    how.regions = {{RankId(1), RankId(2), RankId(3)}, {RankId(5)}};
    ASSERT_TRUE(repair(table, how));
    for (std::size_t e = 0; e < kExperts; ++e) {
      EXPECT_EQ(count_on(table, e, how.regions[0]), 1U) << "expert " << e;
      EXPECT_EQ(count_on(table, e, how.regions[1]), 1U) << "expert " << e;
    }
  }
}

TEST(PlacementRepair, AnExpertThatIsLostGoesToItsGroupFirst) {
  CopyTable table = table_of([](std::size_t) { return std::vector<std::uint32_t>{}; });
  auto how = request_for({RankId(1), RankId(2), RankId(3)}, 1, Evenness::kLevel);
  how.groups = {{RankId(2)}};
  ASSERT_TRUE(repair(table, how));
  for (std::size_t e = 0; e < kExperts; ++e) {
    EXPECT_EQ(count_on(table, e, {RankId(2)}), 1U) << "expert " << e;
    EXPECT_EQ(table.copies[e].size(), 1U) << "expert " << e;
  }
}

}  // namespace
}  // namespace switchyard::control
