#include "launcher/launch/restarts.h"

#include <gtest/gtest.h>

namespace switchyard::launcher {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(Restarts, WhoHasLivedForAWhileComesBackAtOnce) {
  Restarts restarts;
  TimePoint now{seconds(5)};
  for (int i = 0; i < 10; ++i) {
    restarts.died(now, seconds(6));
    EXPECT_TRUE(restarts.due(now));
    EXPECT_FALSE(restarts.used_up());
    now += seconds(6);
  }
}

TEST(Restarts, WhoDiesYoungAgainAndAgainWaitsLongerEachTime) {
  Restarts restarts;
  TimePoint now{seconds(5)};
  const std::vector<milliseconds> waits = {
      milliseconds(0),     milliseconds(100),  milliseconds(200),  milliseconds(400),
      milliseconds(800),   milliseconds(1600), milliseconds(3200), milliseconds(6400),
      milliseconds(10000), milliseconds(10000)};
  for (const auto wait : waits) {
    restarts.died(now, milliseconds(30));
    EXPECT_EQ(restarts.wait(), wait);
    EXPECT_TRUE(restarts.due(now + wait));
    if (wait > Duration::zero()) {
      EXPECT_FALSE(restarts.due(now + wait - Duration(1)));
    }
    now += wait + milliseconds(30);
  }
  restarts.died(now, seconds(60));
  EXPECT_TRUE(restarts.due(now));
  restarts.died(now, milliseconds(30));
  restarts.died(now, milliseconds(30));
  EXPECT_EQ(restarts.wait(), Restarts::kFirstWait);
}

TEST(Restarts, AreUsedUpByManyDeathsOfLateOnly) {
  Restarts restarts;
  TimePoint now{seconds(5)};
  for (std::size_t i = 0; i < Restarts::kMax; ++i) {
    restarts.died(now, milliseconds(30));
    EXPECT_FALSE(restarts.used_up());
    now += seconds(1);
  }
  Restarts later = restarts;
  later.died(now + minutes(20), milliseconds(30));
  EXPECT_EQ(later.deaths(), 1U);
  restarts.died(now, milliseconds(30));
  EXPECT_TRUE(restarts.used_up());
}

}  // namespace
}  // namespace switchyard::launcher
