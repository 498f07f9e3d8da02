// How fast ranks are beside each other, by what they served of late.
#include "runtime/control/rank_speeds.h"

#include <gmock/gmock.h>

namespace switchyard::control {
namespace {

using ::testing::DoubleEq;
using ::testing::Each;
using ::testing::SizeIs;

// Busy all the time, for so long of it with pairs.
RankWork work(std::uint64_t pairs, double serve_seconds) { return {pairs, 10, 10, serve_seconds}; }

TEST(RankSpeeds, GoByPairsPerSecondOfServing) {
  // Half as long for as many pairs: twice as fast.
  const auto speeds = measured_speeds({work(10'000, 2), work(10'000, 4), work(20'000, 8)});
  ASSERT_THAT(speeds, SizeIs(3));
  EXPECT_EQ(speeds[1], speeds[2]);
  EXPECT_NEAR(speeds[0] / speeds[1], 2, 0.1);  // in steps of a quarter
}

TEST(RankSpeeds, NoiseMakesNoDifference) {
  EXPECT_THAT(measured_speeds({work(10'000, 2), work(10'600, 2), work(9'500, 2)}),
              Each(DoubleEq(1)));
}

TEST(RankSpeeds, AreEqualWhereSomeRankHasDoneTooLittleToSay) {
  EXPECT_THAT(measured_speeds({work(10'000, 2), work(100'000, 2), work(10, 0.01)}),
              Each(DoubleEq(1)));
  EXPECT_THAT(measured_speeds({work(10'000, 2), work(0, 2)}), Each(DoubleEq(1)));
  EXPECT_THAT(measured_speeds({}), SizeIs(0));
}

TEST(RankSpeeds, HaveLimits) {
  const auto speeds = measured_speeds({work(1'000, 1000), work(1'000'000, 1)});
  EXPECT_GE(speeds[0], 1.0 / 16);
  EXPECT_LE(speeds[1], 16);
}

}  // namespace
}  // namespace switchyard::control
