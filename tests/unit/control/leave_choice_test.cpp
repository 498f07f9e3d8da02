// Which expert ranks may go together under residency rules that overlap.
#include "runtime/control/leave_choice.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <bit>

#include "runtime/base/random.h"

namespace switchyard::control {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<Leaver> ranks(const std::vector<std::string>& regions) {
  std::vector<Leaver> out;
  for (std::uint32_t r = 0; r < regions.size(); ++r) out.push_back({RankId(r), regions[r]});
  return out;
}

TEST(LeaveChoice, TakesThoseInFront) {
  EXPECT_THAT(choose_leavers(ranks({"eu", "eu", "us"}), {}, 2), ElementsAre(RankId(0), RankId(1)));
  EXPECT_THAT(choose_leavers(ranks({"eu", "us", "eu"}), {{"eu"}, {"us"}}, 2),
              ElementsAre(RankId(0)));
  EXPECT_THAT(choose_leavers(ranks({"eu"}), {{"eu"}}, 1), IsEmpty());
}

// Rank 0 alone serves both rules; one by one it would go first, and then both others had to stay.
TEST(LeaveChoice, KeepsTheRankThatServesSeveralRules) {
  EXPECT_THAT(choose_leavers(ranks({"eu", "us", "ap"}), {{"eu", "us"}, {"eu", "ap"}}, 2),
              ElementsAre(RankId(1), RankId(2)));
  // Where one is enough, the first goes.
  EXPECT_THAT(choose_leavers(ranks({"eu", "us", "ap"}), {{"eu", "us"}, {"eu", "ap"}}, 1),
              ElementsAre(RankId(0)));
}

// Never fewer than the best of all choices, and never one too many.
TEST(LeaveChoice, SendsAwayAsManyAsAnyChoiceCould) {
  Random random(5);
  const std::vector<std::string> names = {"a", "b", "c", "d"};
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> regions;
    for (std::uint64_t i = 2 + random.next_below(6); i > 0; --i) {
      regions.push_back(names[random.next_below(4)]);
    }
    const auto served = [&](const std::set<std::string>& rule, std::uint32_t stay) {
      for (std::size_t r = 0; r < regions.size(); ++r) {
        if ((stay >> r & 1U) != 0 && rule.contains(regions[r])) return true;
      }
      return false;
    };
    std::vector<std::set<std::string>> rules;
    const std::uint32_t all = (1U << regions.size()) - 1;
    for (std::uint64_t i = random.next_below(4); i > 0; --i) {
      std::set<std::string> rule = {names[random.next_below(4)], names[random.next_below(4)]};
      if (served(rule, all)) rules.push_back(rule);
    }
    std::size_t fewest = regions.size();
    for (std::uint32_t stay = 0; stay <= all; ++stay) {
      const bool good = std::ranges::all_of(rules, [&](const auto& r) { return served(r, stay); });
      if (good) fewest = std::min(fewest, static_cast<std::size_t>(std::popcount(stay)));
    }
    const std::size_t wanted = 1 + random.next_below(regions.size());
    const auto gone = choose_leavers(ranks(regions), rules, wanted);
    EXPECT_EQ(gone.size(), std::min(wanted, regions.size() - fewest)) << "round " << round;
    std::uint32_t stay = all;
    for (const RankId rank : gone) stay &= ~(1U << rank.value());
    for (const auto& rule : rules) EXPECT_TRUE(served(rule, stay)) << "round " << round;
  }
}

}  // namespace
}  // namespace switchyard::control
