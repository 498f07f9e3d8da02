// Who is slow by the waits of others, and who only has more to do or one asker that is slow itself.
#include "runtime/control/slow_ranks.h"

#include <gmock/gmock.h>

namespace switchyard::control {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr std::size_t kRanks = 6;

// A second: what the waiter sent to each rank, and how long it waited for it.
LoadReport waits(const std::vector<std::pair<std::uint64_t, double>>& bytes_and_wait_s) {
  LoadReport report;
  report.seconds = 1;
  report.bytes_by_peer.resize(kRanks);
  report.wait_us_by_peer.resize(kRanks);
  for (std::size_t r = 0; r < bytes_and_wait_s.size(); ++r) {
    report.bytes_by_peer[r] = bytes_and_wait_s[r].first;
    report.wait_us_by_peer[r] = static_cast<std::uint64_t>(1e6 * bytes_and_wait_s[r].second);
  }
  return report;
}

// Ranks 0 and 1 ask, 2 to 5 are asked.
struct World {
  void pass(int count, const LoadReport& zero, const LoadReport& one) {
    for (int i = 0; i < count; ++i) {
      now += seconds(1);
      ranks.add(RankId(0), zero, now);
      ranks.add(RankId(1), one, now);
    }
  }
  std::string reason(std::uint32_t rank) const {
    return ranks.reason(RankId(rank), now).value_or("");
  }
  SlowRanks ranks;
  TimePoint now{seconds(100)};
};

const LoadReport kSlowThree = waits({{0, 0}, {0, 0}, {90, 0.1}, {100, 0.6}, {100, 0.1}, {90, 0.1}});
const LoadReport kEven = waits({{0, 0}, {0, 0}, {90, 0.5}, {100, 0.6}, {100, 0.5}, {90, 0.5}});

TEST(SlowRanks, AreThoseThatTheOthersWaitForMost) {
  World w;
  w.pass(2, kSlowThree, kSlowThree);
  EXPECT_EQ(w.reason(3), "");  // too little to say
  w.pass(3, kSlowThree, kSlowThree);
  EXPECT_EQ(w.reason(3),
            "rank 0 waited 3.0 of 5.0 s for it, 0.5 s for others that it asks, "
            "rank 1 waited 3.0 of 5.0 s for it, 0.5 s for others that it asks");
  for (const std::uint32_t r : {0U, 1U, 2U, 4U, 5U}) EXPECT_EQ(w.reason(r), "") << r;
  // It gets on again: the window forgets.
  w.pass(5, kEven, kEven);
  EXPECT_EQ(w.reason(3), "");
}

// An answer may take longer than from one report to the next.
TEST(SlowRanks, AreWaitedForAlsoWhereNothingWasSent) {
  World w;
  const LoadReport none = waits({{0, 0}, {0, 0}, {0, 0.1}, {0, 0.6}, {0, 0.1}, {0, 0.1}});
  w.pass(1, kSlowThree, kSlowThree);
  w.pass(4, none, none);
  EXPECT_THAT(w.reason(3), HasSubstr("rank 0 waited 3.0 of 5.0 s for it, 0.5 s for others"));
}

TEST(SlowRanks, OneOfManyAskersDoesNotMakeOne) {
  World w;
  const LoadReport other = kEven;
  w.pass(5, kSlowThree, other);
  EXPECT_THAT(w.reason(3), HasSubstr("rank 0"));  // half of them
  for (int i = 0; i < 5; ++i) w.ranks.add(RankId(2), other, w.now);
  EXPECT_EQ(w.reason(3), "");
}

TEST(SlowRanks, SayWhereARankGetsMoreThanTheOthers) {
  World w;
  const LoadReport hot = waits({{0, 0}, {0, 0}, {90, 0.1}, {400, 0.6}, {100, 0.1}, {90, 0.1}});
  w.pass(5, hot, hot);
  EXPECT_THAT(w.reason(3), HasSubstr("; it gets 4.4 times as much"));
}

// A single expert rank, or the only one where rows may go, has nobody to be slower than.
TEST(SlowRanks, TakeTwoToCompare) {
  World w;
  const LoadReport only = waits({{0, 0}, {0, 0}, {0, 0}, {100, 0.9}});
  w.pass(5, only, only);
  EXPECT_EQ(w.reason(3), "");
}

TEST(SlowRanks, ForgetThoseThatAreGone) {
  World w;
  w.pass(5, kSlowThree, kSlowThree);
  w.ranks.forget(RankId(3));
  EXPECT_EQ(w.reason(3), "");
  World other;
  other.pass(5, kSlowThree, kSlowThree);
  other.now += seconds(5);  // nobody asks any more
  EXPECT_EQ(other.reason(3), "");
}

}  // namespace
}  // namespace switchyard::control
