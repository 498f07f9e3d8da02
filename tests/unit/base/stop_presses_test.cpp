// One press of Ctrl-C may come as several signals; the second press is another.
#include "runtime/base/stop_presses.h"

#include <gtest/gtest.h>

namespace switchyard {
namespace {

using std::chrono::milliseconds;
using Press = StopPresses::Press;

TEST(StopPresses, SignalsOfOneMomentAreOnePress) {
  ManualClock clock;
  StopPresses presses;
  EXPECT_EQ(presses.take(clock.now()), Press::kFirst);
  EXPECT_EQ(presses.take(clock.now()), Press::kSame);
  clock.advance(milliseconds(100));
  EXPECT_EQ(presses.take(clock.now()), Press::kSame);
  clock.advance(milliseconds(200));
  EXPECT_EQ(presses.take(clock.now()), Press::kSecond);
  EXPECT_EQ(presses.take(clock.now()), Press::kSecond);
}

}  // namespace
}  // namespace switchyard
