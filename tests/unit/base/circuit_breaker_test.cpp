#include "runtime/base/circuit_breaker.h"

#include <gmock/gmock.h>

#include <vector>

namespace switchyard {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A breaker with everything that happened to it.
struct Line {
  CircuitBreaker breaker = CircuitBreaker::create({}, RankId(3)).value();
  std::vector<BreakerReason> reasons;
  std::vector<std::string> texts;
  TimePoint now{};

  void note(const std::optional<BreakerEvent>& event) {
    if (!event) return;
    reasons.push_back(event->reason);
    texts.push_back(event->text);
    EXPECT_EQ(event->at, now);
    EXPECT_EQ(event->to, breaker.state());
    EXPECT_NE(event->from, event->to);
  }
  std::optional<CircuitBreaker::Pass> ask() {
    auto admission = breaker.try_pass(now);
    note(admission.event);
    return admission.pass;
  }
  void report(CircuitBreaker::Pass pass, CallOutcome outcome) {
    note(breaker.report(pass, outcome, now, "no answer"));
  }
  // Asks and reports; false when there was no pass.
  bool call(CallOutcome outcome) {
    const auto pass = ask();
    if (pass) report(*pass, outcome);
    return pass.has_value();
  }
  void fail(int times) {
    for (int i = 0; i < times; ++i) EXPECT_TRUE(call(CallOutcome::kFailure));
  }
};

TEST(CircuitBreaker, FiveFailuresInARowOpenIt) {
  Line line;
  line.fail(4);
  EXPECT_EQ(line.breaker.state(), BreakerState::kClosed);
  EXPECT_TRUE(line.call(CallOutcome::kSuccess));
  line.fail(4);
  EXPECT_THAT(line.reasons, IsEmpty());
  line.fail(1);
  EXPECT_EQ(line.breaker.state(), BreakerState::kOpen);
  EXPECT_FALSE(line.call(CallOutcome::kSuccess));
  EXPECT_THAT(line.reasons, ElementsAre(BreakerReason::kFailuresInRow));
  EXPECT_EQ(line.texts[0], "rank 3: closed -> open: 5 failures in a row, the last: no answer");
}

TEST(CircuitBreaker, WhatSaysNothingAboutThePeerDoesNotCount) {
  Line line;
  line.fail(4);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(line.call(CallOutcome::kNoVerdict));
  EXPECT_EQ(line.breaker.failures_in_row(), 4U);
  EXPECT_EQ(line.breaker.state(), BreakerState::kClosed);
}

TEST(CircuitBreaker, AfterSixtySecondsOneProbeDecides) {
  Line line;
  line.fail(5);
  line.now += seconds(60) - milliseconds(1);
  EXPECT_FALSE(line.ask().has_value());
  line.now += milliseconds(1);
  const auto probe = line.ask();
  ASSERT_TRUE(probe.has_value());
  EXPECT_EQ(line.breaker.state(), BreakerState::kHalfOpen);
  EXPECT_FALSE(line.ask().has_value());  // one at a time
  line.report(*probe, CallOutcome::kSuccess);
  EXPECT_EQ(line.breaker.state(), BreakerState::kClosed);
  line.fail(4);  // counts from 0 again
  EXPECT_EQ(line.breaker.state(), BreakerState::kClosed);
  EXPECT_THAT(line.reasons, ElementsAre(BreakerReason::kFailuresInRow, BreakerReason::kOpenTimeOver,
                                        BreakerReason::kProbeSucceeded));
}

TEST(CircuitBreaker, AFailedProbeOpensItForAsLongAgain) {
  Line line;
  line.fail(5);
  line.now += seconds(60);
  EXPECT_TRUE(line.call(CallOutcome::kFailure));
  EXPECT_EQ(line.breaker.state(), BreakerState::kOpen);
  line.now += seconds(59);
  EXPECT_FALSE(line.ask().has_value());
  line.now += seconds(1);
  EXPECT_TRUE(line.call(CallOutcome::kSuccess));
  EXPECT_EQ(line.breaker.state(), BreakerState::kClosed);
}

TEST(CircuitBreaker, AProbeWithoutVerdictMakesRoomForTheNext) {
  Line line;
  line.fail(5);
  line.now += seconds(60);
  EXPECT_TRUE(line.call(CallOutcome::kNoVerdict));
  EXPECT_EQ(line.breaker.state(), BreakerState::kHalfOpen);
  EXPECT_TRUE(line.call(CallOutcome::kSuccess));
  EXPECT_EQ(line.breaker.state(), BreakerState::kClosed);
}

TEST(CircuitBreaker, AProbeThatIsNeverReportedFails) {
  Line line;
  line.fail(5);
  line.now += seconds(60);
  const auto probe = line.ask();
  line.now += seconds(10);
  EXPECT_FALSE(line.ask().has_value());
  EXPECT_EQ(line.breaker.state(), BreakerState::kHalfOpen);
  line.now += milliseconds(1);
  EXPECT_FALSE(line.ask().has_value());
  EXPECT_EQ(line.reasons.back(), BreakerReason::kProbeOverdue);
  line.report(*probe, CallOutcome::kSuccess);  // too late
  EXPECT_EQ(line.breaker.state(), BreakerState::kOpen);
}

TEST(CircuitBreaker, CallsFromBeforeItOpenedDoNotCount) {
  Line line;
  const auto old_call = line.ask();
  const auto other = line.ask();
  line.fail(5);
  line.report(*old_call, CallOutcome::kFailure);
  line.now += seconds(60);
  const auto probe = line.ask();
  line.report(*other, CallOutcome::kSuccess);
  EXPECT_EQ(line.breaker.state(), BreakerState::kHalfOpen);
  line.report(*probe, CallOutcome::kFailure);
  EXPECT_EQ(line.breaker.state(), BreakerState::kOpen);
}

TEST(CircuitBreaker, RefusesWhatCannotWork) {
  const auto message = [](const BreakerConfig& config) {
    return CircuitBreaker::create(config, RankId(0)).error().message;
  };
  EXPECT_THAT(message({.failures_max = 0}), HasSubstr("failures_max"));
  EXPECT_THAT(message({.open_time = Duration::zero()}), HasSubstr("open_time"));
  EXPECT_THAT(message({.probe_time_max = Duration::zero()}), HasSubstr("probe_time_max"));
}

}  // namespace
}  // namespace switchyard
