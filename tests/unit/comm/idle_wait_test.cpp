#include "comm/idle_wait.h"

#include <gtest/gtest.h>

namespace switchyard::comm {
namespace {

TEST(SleepLength, GrowsByATenthToFourMilliseconds) {
  for (const Reach reach : {Reach::kAllRing, Reach::kSomeSilent}) {
    Duration before = sleep_length(reach, 0);
    for (std::uint32_t n = 1; n < 200; ++n) {
      const Duration length = sleep_length(reach, n);
      EXPECT_GE(length, before);
      EXPECT_LE(to_seconds(length), to_seconds(before) * 1.11);
      before = length;
    }
    EXPECT_EQ(before, std::chrono::milliseconds(4));
  }
}

TEST(SleepLength, BeginsShortWherePeersCannotRing) {
  EXPECT_EQ(sleep_length(Reach::kSomeSilent, 0), std::chrono::microseconds(20));
  EXPECT_EQ(sleep_length(Reach::kAllRing, 0), std::chrono::milliseconds(1));
}

// The time in which a rank has looked `rounds` times, found nothing and not been rung, at the
// least.
TEST(IdleWait, SleepsWhenNothingHappens) {
  for (const CoreShare share : {CoreShare::kOwnCore, CoreShare::kSharedCore}) {
    Doorbell bell;
    IdleWait idle(share, Reach::kAllRing);
    const SteadyClock clock;
    const TimePoint begin = clock.now();
    std::uint32_t round = 0;
    while (clock.now() - begin < std::chrono::milliseconds(50)) idle.wait(bell, round++);
    const std::uint32_t asleep_from = round;
    for (std::uint32_t n = 0; n < 10; ++n) idle.wait(bell, round++);
    EXPECT_EQ(round, asleep_from + 10);
    // Sleeps are at least a millisecond long: ten of them cannot end sooner.
    EXPECT_GE(clock.now() - begin, std::chrono::milliseconds(60));
  }
}

TEST(IdleWait, LooksTwiceAfterARingBeforeItSleeps) {
  Doorbell bell;
  IdleWait idle(CoreShare::kSharedCore, Reach::kAllRing);
  constexpr std::uint32_t kPastTheYields = 1000;
  const SteadyClock clock;
  for (int again = 0; again < 20; ++again) {
    bell.ring();
    const std::uint32_t seen = bell.rings();
    idle.wait(bell, kPastTheYields);
    idle.wait(bell, kPastTheYields);
    EXPECT_EQ(bell.rings(), seen);
  }
  const TimePoint begin = clock.now();
  idle.wait(bell, kPastTheYields);
  EXPECT_GE(clock.now() - begin, std::chrono::microseconds(900));  // the third call is the sleep
}

}  // namespace
}  // namespace switchyard::comm
