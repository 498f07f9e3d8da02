#include "runtime/moe/peer_breakers.h"

#include <gmock/gmock.h>

namespace switchyard::moe {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Rank 0 routes to ranks 1 and 2.
struct Router {
  PeerBreakers breakers = PeerBreakers::create({}, 3, RankId(0), 2).value();
  TimePoint now{seconds(1)};
  std::vector<RankPlan> both = {{RankId(0)}, {RankId(1)}, {RankId(2)}};

  std::vector<int> avoided() {
    const auto span = breakers.avoided(0, now);
    return {span.begin(), span.end()};
  }
  void exchange(CallOutcome first) {
    (void)breakers.avoided(0, now);
    breakers.begin(0, both, now);
    breakers.report(0, RankId(1), first, now, "no answer within 1.00 s");
    breakers.end(0, CallOutcome::kSuccess, now);
  }
  std::string event() {
    const auto next = breakers.next_event();
    return next ? next->text : "none";
  }
};

TEST(PeerBreakers, FiveFailuresInARowAvoidARankAndAProbeBringsItBack) {
  Router r;
  for (int i = 0; i < 4; ++i) r.exchange(CallOutcome::kFailure);
  EXPECT_THAT(r.avoided(), IsEmpty());
  EXPECT_EQ(r.event(), "none");
  r.exchange(CallOutcome::kFailure);
  EXPECT_EQ(r.event(),
            "rank 1: closed -> open: 5 failures in a row, the last: no answer within 1.00 s");
  EXPECT_THAT(r.avoided(), ElementsAre(0, 1, 0));
  r.now += seconds(60);
  EXPECT_THAT(r.avoided(), ElementsAre(0, 0, 0));  // the probe
  EXPECT_THAT(r.event(), HasSubstr("open -> half-open"));
  r.breakers.begin(0, r.both, r.now);
  EXPECT_EQ(r.breakers.avoided(1, r.now)[1], 1);  // one exchange at a time
  r.breakers.end(0, CallOutcome::kSuccess, r.now);
  EXPECT_EQ(r.event(), "rank 1: half-open -> closed: the probe succeeded");
  EXPECT_THAT(r.avoided(), IsEmpty());
}

TEST(PeerBreakers, AProbeThatFindsNoRowsMakesRoomForTheNext) {
  Router r;
  for (int i = 0; i < 5; ++i) r.exchange(CallOutcome::kFailure);
  r.now += seconds(60);
  EXPECT_THAT(r.avoided(), ElementsAre(0, 0, 0));
  const std::vector<RankPlan> other = {{RankId(2)}};
  r.breakers.begin(0, other, r.now);
  r.breakers.end(0, CallOutcome::kSuccess, r.now);
  EXPECT_EQ(r.breakers.state(RankId(1)), BreakerState::kHalfOpen);
  EXPECT_THAT(r.avoided(), ElementsAre(0, 0, 0));
  r.breakers.begin(0, r.both, r.now);
  r.breakers.report(0, RankId(1), CallOutcome::kFailure, r.now, "it refused the rows");
  EXPECT_EQ(r.breakers.state(RankId(1)), BreakerState::kOpen);
}

TEST(PeerBreakers, ASuccessInBetweenStartsTheCountAgain) {
  Router r;
  for (int i = 0; i < 4; ++i) r.exchange(CallOutcome::kFailure);
  r.exchange(CallOutcome::kSuccess);
  for (int i = 0; i < 4; ++i) r.exchange(CallOutcome::kFailure);
  EXPECT_EQ(r.breakers.state(RankId(1)), BreakerState::kClosed);
}

TEST(PeerBreakers, WhoeverComesInItsPlaceStartsClosed) {
  Router r;
  for (int i = 0; i < 5; ++i) r.exchange(CallOutcome::kFailure);
  (void)r.event();
  r.breakers.forget(RankId(1), r.now);
  EXPECT_EQ(r.event(), "rank 1: open -> closed: the peer was replaced");
  EXPECT_THAT(r.avoided(), IsEmpty());
}

TEST(PeerBreakers, ARouterIsNeverBrokenForItself) {
  Router r;
  for (int i = 0; i < 9; ++i) {
    (void)r.breakers.avoided(0, r.now);
    r.breakers.begin(0, r.both, r.now);
    r.breakers.report(0, RankId(0), CallOutcome::kFailure, r.now, "?");
  }
  EXPECT_EQ(r.breakers.state(RankId(0)), BreakerState::kClosed);
}

}  // namespace
}  // namespace switchyard::moe
