#include "runtime/control/waiting_line.h"

#include <gtest/gtest.h>

namespace switchyard::control {
namespace {

constexpr TimePoint at(int seconds) { return TimePoint(std::chrono::seconds(seconds)); }

TEST(WaitingLine, TheLowestNumberOfTheRegimesThatHaveRoomIsNext) {
  WaitingLine line;
  line.add(RequestId(3), "eu", at(1));
  line.add(RequestId(5), "", at(1));
  line.add(RequestId(4), "us", at(2));
  EXPECT_EQ(line.next({}), RequestId(3));
  EXPECT_EQ(line.next({"eu"}), RequestId(4));
  EXPECT_EQ(line.next({"eu", "us"}), RequestId(5));
  EXPECT_EQ(line.next({"eu", "us", ""}), std::nullopt);
  EXPECT_EQ(line.regimes(), (WaitingLine::Regimes{"", "eu", "us"}));
  line.remove(RequestId(3));
  line.remove(RequestId(3));
  EXPECT_EQ(line.next({}), RequestId(4));
  EXPECT_EQ(line.regimes(), (WaitingLine::Regimes{"", "us"}));
  EXPECT_EQ(line.size(), 2U);
}

TEST(WaitingLine, KnowsWhoHasWaitedLongest) {
  WaitingLine line;
  EXPECT_EQ(line.longest(), std::nullopt);
  EXPECT_EQ(line.longest("eu"), std::nullopt);
  line.add(RequestId(1), "eu", at(9), at(20));
  line.add(RequestId(2), "eu", at(5));
  line.add(RequestId(3), "", at(4));
  EXPECT_EQ(line.longest(), RequestId(3));
  EXPECT_EQ(line.longest("eu"), RequestId(2));
  line.remove(RequestId(2));
  EXPECT_EQ(line.longest("eu"), RequestId(1));  // one that owes waits as well
}

TEST(WaitingLine, ARetryWaitsForItsTimeAndUntilItIsPaidFor) {
  WaitingLine line;
  line.add(RequestId(1), "", at(1), at(3));
  line.add(RequestId(2), "", at(1), at(2));
  EXPECT_EQ(line.owing_count(), 2U);
  EXPECT_EQ(line.owing(at(1)), std::nullopt);
  EXPECT_EQ(line.owing(at(2)), RequestId(2));
  EXPECT_EQ(line.next({}), std::nullopt);
  line.pay(RequestId(2));
  EXPECT_EQ(line.next({}), RequestId(2));
  EXPECT_EQ(line.owing(at(2)), std::nullopt);
  EXPECT_EQ(line.owing(at(3)), RequestId(1));
  line.remove(RequestId(1));
  EXPECT_EQ(line.owing(at(3)), std::nullopt);
  line.remove(RequestId(2));
  EXPECT_TRUE(line.empty());
  EXPECT_EQ(line.regimes(), WaitingLine::Regimes());
}

}  // namespace
}  // namespace switchyard::control
