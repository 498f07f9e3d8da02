#include "runtime/control/phi_accrual.h"

#include <gmock/gmock.h>

#include <cmath>

#include "runtime/base/random.h"

namespace switchyard::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

TimePoint at(Duration since_start) { return TimePoint(since_start); }

PhiAccrual steady(int heartbeats, Duration interval = milliseconds(250)) {
  auto detector = PhiAccrual::create({}).value();
  for (int i = 0; i < heartbeats; ++i) detector.heartbeat(at(i * interval));
  return detector;
}

// The smallest silence, to 1 ms, at which the detector reaches `phi`.
Duration silence_to(const PhiAccrual& detector, TimePoint last, double phi) {
  Duration silence{};
  while (detector.phi(last + silence) < phi) silence += milliseconds(1);
  return silence;
}

TEST(NormalTailPhi, AgreesWithKnownQuantiles) {
  EXPECT_NEAR(normal_tail_phi(0), std::log10(2), 1e-12);
  EXPECT_NEAR(normal_tail_phi(1.6448536269514722), -std::log10(0.05), 1e-12);
  EXPECT_NEAR(normal_tail_phi(3.0902323061678132), 3, 1e-12);
  EXPECT_NEAR(normal_tail_phi(5.612001244174789), 8, 1e-10);
  EXPECT_NEAR(normal_tail_phi(7.034483825180657), 12, 1e-6);
}

TEST(NormalTailPhi, IsFiniteFarOut) {
  EXPECT_GT(normal_tail_phi(-40), -1e-300);
  EXPECT_TRUE(std::isfinite(normal_tail_phi(1e6)));
  EXPECT_NEAR(normal_tail_phi(1e3), 1e6 / 2 / std::log(10), 5);
}

TEST(NormalTailPhi, DoesNotStepDownWhereTheSeriesTakesOver) {
  const double below = normal_tail_phi(std::nextafter(25.0, 0.0));
  EXPECT_GE(normal_tail_phi(25), below);
  EXPECT_NEAR(normal_tail_phi(25), below, 1e-8);
}

TEST(PhiAccrual, KnowsNothingBeforeTheFirstHeartbeat) {
  const auto detector = PhiAccrual::create({}).value();
  EXPECT_FALSE(detector.heard());
  EXPECT_EQ(detector.phi(at(seconds(3600))), 0);
  EXPECT_EQ(detector.silence(at(seconds(3600))), Duration::zero());
}

TEST(PhiAccrual, StartsFromTheConfiguredInterval) {
  const auto detector = steady(1);
  EXPECT_NEAR(to_seconds(detector.mean()), 0.25, 1e-9);
  EXPECT_EQ(detector.sigma(), milliseconds(100));
  EXPECT_LT(detector.phi(at(milliseconds(250))), 1e-6);
}

TEST(PhiAccrual, ReachesEightAfterMeanPlusPausePlusFiveAndAHalfSigma) {
  const auto detector = steady(200);
  const TimePoint last = at(199 * milliseconds(250));
  EXPECT_NEAR(to_seconds(silence_to(detector, last, 8)), 0.25 + 0.75 + 0.561, 0.002);
  EXPECT_NEAR(to_seconds(silence_to(detector, last, 12)), 0.25 + 0.75 + 0.703, 0.002);
}

TEST(PhiAccrual, FallsBackWhenTheHeartbeatComes) {
  auto detector = steady(50);
  const TimePoint late = at(49 * milliseconds(250) + seconds(2));
  EXPECT_GT(detector.phi(late), 8);
  detector.heartbeat(late);
  EXPECT_LT(detector.phi(late), 1e-6);
}

TEST(PhiAccrual, OneLongStopDoesNotMakeItPatient) {
  auto detector = steady(100);
  const TimePoint back = at(seconds(3600));
  detector.heartbeat(back);
  EXPECT_EQ(detector.sigma(), milliseconds(100));
  EXPECT_LT(to_seconds(silence_to(detector, back, 8)), 1.6);
}

TEST(PhiAccrual, LearnsASlowerRhythm) {
  const auto detector = steady(101, milliseconds(800));
  EXPECT_NEAR(to_seconds(detector.mean()), 0.8, 1e-9);
  EXPECT_LT(detector.phi(at(100 * milliseconds(800) + milliseconds(1400))), 1);
}

TEST(PhiAccrual, ForgetsWhatIsOlderThanItsWindow) {
  auto detector = PhiAccrual::create({.window_count = 10}).value();
  TimePoint now{};
  for (int i = 0; i < 50; ++i) detector.heartbeat(now += milliseconds(900));
  for (int i = 0; i < 10; ++i) detector.heartbeat(now += milliseconds(100));
  EXPECT_NEAR(to_seconds(detector.mean()), 0.1, 1e-9);
}

TEST(PhiAccrual, TimeDoesNotRunBackwards) {
  auto detector = steady(10);
  const TimePoint last = at(9 * milliseconds(250));
  detector.heartbeat(last - seconds(1));
  EXPECT_EQ(detector.silence(last), Duration::zero());
  EXPECT_EQ(detector.silence(last + seconds(1)), seconds(1));
  EXPECT_TRUE(std::isfinite(detector.phi(last - seconds(5))));
}

TEST(PhiAccrual, IsNotFooledByAStopOfTheListener) {
  auto detector = steady(50);
  const TimePoint back = at(49 * milliseconds(250) + seconds(5));
  detector.excuse(seconds(5));
  EXPECT_LT(detector.phi(back), 1e-6);
  detector.excuse(seconds(1));
  EXPECT_EQ(detector.silence(back), Duration::zero());
}

TEST(PhiAccrual, OtherSignsOfLifeEndTheSilenceAndTeachNothing) {
  auto detector = steady(50);
  const Duration mean = detector.mean();
  TimePoint now = at(49 * milliseconds(250));
  for (int i = 0; i < 3000; ++i) detector.sign_of_life(now += milliseconds(1));
  EXPECT_EQ(detector.silence(now), Duration::zero());
  EXPECT_LT(detector.phi(now), 1e-6);
  EXPECT_EQ(detector.mean(), mean);
  detector.sign_of_life(now - seconds(1));
  EXPECT_EQ(detector.silence(now), Duration::zero());
  // The next heartbeat's interval is that from the last heartbeat, and is cut as ever.
  detector.heartbeat(now);
  EXPECT_GT(detector.mean(), mean);
}

TEST(PhiAccrual, RefusesWhatCannotWork) {
  const auto message = [](const PhiConfig& config) {
    const auto made = PhiAccrual::create(config);
    return made ? std::string() : made.error().message;
  };
  EXPECT_THAT(message({.heartbeat_interval = Duration::zero()}), HasSubstr("heartbeat_interval"));
  EXPECT_THAT(message({.sigma_min = Duration::zero()}), HasSubstr("sigma_min"));
  EXPECT_THAT(message({.acceptable_pause = Duration(-1)}), HasSubstr("acceptable_pause"));
  EXPECT_THAT(message({.window_count = 1}), HasSubstr("window_count is 1"));
}

}  // namespace
}  // namespace switchyard::control
