#include "comm/doorbell.h"

#include <gtest/gtest.h>

#include <thread>

namespace switchyard::comm {
namespace {

constexpr Duration kForever = std::chrono::seconds(60);  // the test's own time limit would end it

TEST(Doorbell, CountsItsRings) {
  Doorbell bell;
  EXPECT_EQ(bell.rings(), 0U);
  bell.ring();
  bell.ring();
  EXPECT_EQ(bell.rings(), 2U);
}

TEST(Doorbell, SleepReturnsAtOnceAfterARingThatWasNotSeen) {
  Doorbell bell;
  const std::uint32_t seen = bell.rings();
  bell.ring();
  const SteadyClock clock;
  const Deadline deadline = Deadline::after(clock, kForever);
  bell.sleep(seen, kForever);
  EXPECT_FALSE(deadline.passed(clock));
}

TEST(Doorbell, SleepEndsByItselfWithoutARing) {
  Doorbell bell;
  bell.sleep(bell.rings(), std::chrono::milliseconds(1));
  EXPECT_EQ(bell.rings(), 0U);
}

// Two threads that can only go on by waking each other; a lost ring would take a minute each.
TEST(Doorbell, WakesTheSleeperEveryTime) {
  constexpr std::uint32_t kTurns = 2000;
  Doorbell ping;
  Doorbell pong;
  const SteadyClock clock;
  const Deadline deadline = Deadline::after(clock, kForever);
  const auto wait_for = [](Doorbell& bell, std::uint32_t rings) {
    for (std::uint32_t seen = bell.rings(); seen < rings; seen = bell.rings()) {
      bell.sleep(seen, kForever);
    }
  };
  std::thread other([&] {
    for (std::uint32_t turn = 1; turn <= kTurns; ++turn) {
      wait_for(ping, turn);
      pong.ring();
    }
  });
  for (std::uint32_t turn = 1; turn <= kTurns; ++turn) {
    ping.ring();
    wait_for(pong, turn);
  }
  other.join();
  EXPECT_FALSE(deadline.passed(clock));
}

}  // namespace
}  // namespace switchyard::comm
