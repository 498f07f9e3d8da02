#include "runtime/control/load_window.h"

#include <gmock/gmock.h>

namespace switchyard::control {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

LoadReport report(std::vector<std::uint64_t> pairs, double busy_share = 0.5) {
  LoadReport out;
  out.seconds = 1;
  out.busy_share = busy_share;
  out.expert_pairs = std::move(pairs);
  return out;
}

TEST(LoadWindow, AddsUpWhatRanksServedAndForgetsItToTheLastPair) {
  LoadWindow window(2, seconds(30));
  const TimePoint start{seconds(100)};
  EXPECT_THAT(window.loads(start), IsEmpty());
  window.add(RankId(0), report({1, 2, 3}), start);
  window.add(RankId(1), report({10, 0, 0}), start + seconds(6));
  EXPECT_THAT(window.loads(start + seconds(6)), ElementsAre(11, 2, 3));
  EXPECT_THAT(window.loads(start + seconds(31)), ElementsAre(10, 0, 0));
  EXPECT_THAT(window.loads(start + seconds(60)), IsEmpty());
}

TEST(LoadWindow, ReusesSlicesAfterALongSilence) {
  LoadWindow window(1, seconds(30));
  const TimePoint start{seconds(100)};
  window.add(RankId(0), report({5}), start);
  window.add(RankId(0), report({7}), start + seconds(3000));
  EXPECT_THAT(window.loads(start + seconds(3000)), ElementsAre(7));
}

TEST(LoadWindow, KnowsHowMuchEachRankWorked) {
  LoadWindow window(2, seconds(30));
  const TimePoint start{seconds(100)};
  window.add(RankId(0), report({4, 4}, 0.5), start);
  window.add(RankId(0), report({1, 1}, 1.0), start + seconds(1));
  window.add(RankId(1), report({}, 0.25), start + seconds(1));
  const RankWork first = window.work(RankId(0), start + seconds(1));
  EXPECT_EQ(first.pairs, 10U);
  EXPECT_DOUBLE_EQ(first.seconds, 2);
  EXPECT_DOUBLE_EQ(first.busy_share(), 0.75);
  EXPECT_EQ(window.work(RankId(1), start + seconds(1)).pairs, 0U);
  EXPECT_DOUBLE_EQ(window.work(RankId(1), start + seconds(1)).busy_share(), 0.25);
}

TEST(LoadWindow, IsNothingWhereOnlyZeroesWereReported) {
  LoadWindow window(1, seconds(30));
  window.add(RankId(0), report({0, 0}), TimePoint(seconds(1)));
  EXPECT_THAT(window.loads(TimePoint(seconds(1))), IsEmpty());
}

}  // namespace
}  // namespace switchyard::control
