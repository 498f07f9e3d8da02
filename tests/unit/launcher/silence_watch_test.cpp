#include "launcher/launch/silence_watch.h"

#include <gtest/gtest.h>

namespace switchyard::launcher {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Looks ten times a second; the first time that it is too long, or nothing within a minute.
std::optional<Duration> too_long_after(SilenceWatch& watch, TimePoint& now) {
  const TimePoint begin = now;
  while (now < begin + seconds(60)) {
    now += milliseconds(100);
    if (watch.too_long(now)) return now - begin;
  }
  return std::nullopt;
}

TEST(SilenceWatch, SilenceIsTooLongAtItsLimitAndOnce) {
  SilenceWatch watch(seconds(10));
  TimePoint now{seconds(5)};
  EXPECT_FALSE(watch.too_long(now));
  EXPECT_EQ(too_long_after(watch, now), seconds(10));
  EXPECT_EQ(too_long_after(watch, now), seconds(10));
}

TEST(SilenceWatch, AWordBeginsItAnew) {
  SilenceWatch watch(seconds(10));
  TimePoint now{seconds(5)};
  for (int i = 0; i < 1000; ++i) {
    now += milliseconds(100);
    if (i % 50 == 0) watch.heard();
    ASSERT_FALSE(watch.too_long(now));
  }
}

TEST(SilenceWatch, APauseOfItsOwnCountsForASecondAtMost) {
  SilenceWatch watch(seconds(10));
  TimePoint now{seconds(5)};
  EXPECT_FALSE(watch.too_long(now));
  now += seconds(3600);
  EXPECT_FALSE(watch.too_long(now));
  EXPECT_EQ(too_long_after(watch, now), seconds(9));
}

}  // namespace
}  // namespace switchyard::launcher
