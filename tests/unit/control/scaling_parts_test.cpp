// The autoscaler's parts: formula, metrics, windows, panic, guard, choice of ranks.
#include <gmock/gmock.h>

#include <limits>

#include "runtime/control/direction_guard.h"
#include "runtime/control/drain_choice.h"
#include "runtime/control/panic_window.h"
#include "runtime/control/scaling_rule.h"
#include "runtime/control/stabiliser.h"

namespace switchyard::control {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TimePoint at(int s) { return TimePoint(seconds(s)); }

MetricReading reading(std::optional<double> ratio, ScalingMetric metric = ScalingMetric::kBusy) {
  return {metric, 1, ratio, ratio, 0};
}

std::size_t wanted(std::size_t current, std::vector<MetricReading> readings) {
  return apply_scaling_rule(current, readings, 0.1).wanted;
}

TEST(ScalingRule, RoundsUpOutsideTheTolerance) {
  EXPECT_EQ(wanted(4, {reading(1.25)}), 5U);
  EXPECT_EQ(wanted(4, {reading(1.26)}), 6U);
  EXPECT_EQ(wanted(10, {reading(0.5)}), 5U);
  EXPECT_EQ(wanted(10, {reading(0.51)}), 6U);
  EXPECT_EQ(wanted(3, {reading(0)}), 0U);  // bounds come later
}

TEST(ScalingRule, StaysWithinTheTolerance) {
  for (const double ratio : {0.9, 0.95, 1.0, 1.05, 1.1, 0.77 / 0.7}) {
    EXPECT_EQ(wanted(10, {reading(ratio)}), 10U) << ratio;
  }
  EXPECT_EQ(wanted(10, {reading(1.11)}), 12U);
  EXPECT_EQ(wanted(10, {reading(0.89)}), 9U);
}

TEST(ScalingRule, TheLargestWishWins) {
  const std::vector<MetricReading> readings{reading(0.5), reading(1.5, ScalingMetric::kQueueDelay),
                                            reading(1.2, ScalingMetric::kMemory)};
  const RuleResult result = apply_scaling_rule(4, readings, 0.1);
  EXPECT_EQ(result.wanted, 6U);
  EXPECT_EQ(result.leader, ScalingMetric::kQueueDelay);
  EXPECT_EQ(result.need_ratio, 1.5);
}

TEST(ScalingRule, AMissingMetricForbidsLessNotMore) {
  const auto result = [](std::vector<MetricReading> readings) {
    return apply_scaling_rule(4, readings, 0.1);
  };
  EXPECT_EQ(result({reading(0.5), reading(std::nullopt)}).wanted, 4U);
  EXPECT_TRUE(result({reading(0.5), reading(std::nullopt)}).held);
  EXPECT_EQ(result({reading(1.5), reading(std::nullopt)}).wanted, 6U);
  EXPECT_FALSE(result({reading(1.5), reading(std::nullopt)}).held);
  EXPECT_EQ(result({reading(std::nullopt)}).wanted, 4U);
  EXPECT_TRUE(result({reading(std::nullopt)}).held);
  EXPECT_EQ(result({}).wanted, 4U);
  EXPECT_FALSE(result({}).held);
}

ScalingInput busy_input(const std::vector<std::optional<double>>& shares) {
  ScalingInput input;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    input.expert_ranks.push_back(
        {RankId(static_cast<std::uint32_t>(i)), shares[i], std::nullopt, shares[i]});
  }
  return input;
}

double busy_ratio(const std::vector<std::optional<double>>& shares) {
  ScalingConfig config;
  config.targets = {.busy_share = 0.5};
  return rank_readings(busy_input(shares), config).front().ratio.value_or(-1);
}

TEST(ScalingMetrics, RanksWithoutASampleDampen) {
  EXPECT_DOUBLE_EQ(busy_ratio({0.6, 0.8}), 1.4);
  EXPECT_DOUBLE_EQ(busy_ratio({0.9, std::nullopt, 0.9}), 1.2);  // counted as idle
  EXPECT_DOUBLE_EQ(busy_ratio({0.7, std::nullopt}), 1);         // that would turn it around
  EXPECT_DOUBLE_EQ(busy_ratio({0.1, std::nullopt}), 0.6);       // counted as on target
  EXPECT_DOUBLE_EQ(busy_ratio({0.5, std::nullopt}), 1);
  EXPECT_DOUBLE_EQ(busy_ratio({std::nullopt, std::nullopt}), -1);
  EXPECT_DOUBLE_EQ(busy_ratio({}), -1);
  EXPECT_DOUBLE_EQ(busy_ratio({std::numeric_limits<double>::quiet_NaN()}), -1);
}

TEST(ScalingMetrics, MemoryIsThatOfTheFullestRank) {
  ScalingConfig config;
  config.targets = {.busy_share = std::nullopt, .memory_share = 0.8};
  config.targets.queue_delay_us_p95.reset();
  const auto ratio = [&](const std::vector<std::optional<double>>& shares) {
    return rank_readings(busy_input(shares), config).front().ratio.value();
  };
  EXPECT_DOUBLE_EQ(ratio({0.2, 0.4}), 0.5);
  EXPECT_DOUBLE_EQ(ratio({0.2, std::nullopt}), 1);
  EXPECT_DOUBLE_EQ(ratio({0.96, std::nullopt}), 1.2);
  EXPECT_FALSE(fullest_memory_share(busy_input({0.2, std::nullopt})).has_value());
  EXPECT_EQ(fullest_memory_share(busy_input({0.2, 0.3})), 0.3);
}

TEST(ScalingMetrics, AQueueAsksForWhatWorksItOffInTime) {
  ScalingConfig config;
  config.targets = {.busy_share = std::nullopt, .queue_delay_us_p95 = 20'000};
  config.targets.memory_share.reset();
  ScalingInput input;
  const auto ratio = [&](double delay_us) {
    input.queue_delay_us_p95 = delay_us;
    return rank_readings(input, config).front().ratio.value();
  };
  EXPECT_DOUBLE_EQ(ratio(10'000), 0.5);
  EXPECT_DOUBLE_EQ(ratio(20'000), 1);
  EXPECT_DOUBLE_EQ(ratio(15'020'000), 1.5);
  EXPECT_DOUBLE_EQ(ratio(30'020'000), 2);
}

TEST(ScalingMetrics, SaysItInWords) {
  ScalingConfig config;
  config.targets = {.busy_share = 0.5};
  auto input = busy_input({0.9, std::nullopt});
  const auto readings = rank_readings(input, config);
  EXPECT_EQ(readings[0].text(), "busy_share 0.9 of 0.5 (ratio 1.00, 1 ranks missing)");
  EXPECT_EQ(readings[1].text(), "queue_delay_us_p95 missing");
}

TEST(Stabiliser, GoesDownOnlyToTheLargestWishOfTheWindow) {
  Stabiliser s(Duration::zero(), seconds(300));
  EXPECT_EQ(s.stabilise(10, 4, at(0)), 10U);  // the first call knows nothing of the past
  EXPECT_EQ(s.stabilise(10, 4, at(299)), 10U);
  EXPECT_EQ(s.stabilise(10, 6, at(300)), 6U);
  EXPECT_EQ(s.stabilise(10, 4, at(599)), 6U);
  EXPECT_EQ(s.stabilise(10, 4, at(600)), 4U);
  EXPECT_EQ(s.stabilise(4, 9, at(605)), 9U);  // up at once
}

TEST(Stabiliser, GoesUpOnlyToTheSmallestWishOfTheWindow) {
  Stabiliser s(seconds(10), seconds(10));
  EXPECT_EQ(s.stabilise(4, 8, at(0)), 4U);
  EXPECT_EQ(s.stabilise(4, 8, at(9)), 4U);
  EXPECT_EQ(s.stabilise(4, 8, at(10)), 8U);
  EXPECT_EQ(s.stabilise(4, 12, at(15)), 8U);
}

TEST(PanicWindow, StartsAtTwiceTheCapacityAndEndsAfterAStableWindow) {
  PanicWindow panic({seconds(6), seconds(60), 2});
  EXPECT_FALSE(panic.observe(1.9, at(0)));
  EXPECT_FALSE(panic.observe(2.0, at(5)));  // the mean of both is below 2
  EXPECT_TRUE(panic.observe(2.5, at(10)));
  EXPECT_TRUE(panic.observe(1.0, at(69)));
  EXPECT_FALSE(panic.observe(1.0, at(70)));
}

TEST(DirectionGuard, CoolsDownAndDwells) {
  DirectionGuard guard({seconds(5), seconds(60), seconds(300), PanicRule::kKeepsDwell});
  const auto kind = [&](Direction direction, int now, Urgency urgency = Urgency::kCalm) {
    const auto refusal = guard.refuse(direction, at(now), urgency);
    return refusal ? to_string(refusal->kind) : "free";
  };
  EXPECT_EQ(kind(Direction::kDown, 0), "free");
  guard.started(Direction::kUp, at(0));
  guard.ended(at(2));
  EXPECT_EQ(kind(Direction::kUp, 6), "cooldown");
  EXPECT_EQ(kind(Direction::kUp, 6, Urgency::kPanic), "free");
  EXPECT_EQ(kind(Direction::kUp, 7), "free");
  EXPECT_EQ(kind(Direction::kDown, 61), "cooldown");
  EXPECT_EQ(kind(Direction::kDown, 62), "free");
  guard.started(Direction::kDown, at(100));  // the first change of direction
  guard.ended(at(100));
  EXPECT_EQ(kind(Direction::kUp, 399), "dwell");
  EXPECT_EQ(kind(Direction::kUp, 399, Urgency::kPanic), "dwell");
  EXPECT_EQ(kind(Direction::kUp, 399, Urgency::kBounds), "free");
  EXPECT_EQ(kind(Direction::kUp, 400), "free");
  EXPECT_EQ(kind(Direction::kDown, 160), "free");
}

// What was refused has not turned anything round: the next turn need not wait for it, and the one
// before it is remembered.
TEST(DirectionGuard, ForgetsWhatWasRefused) {
  DirectionGuard guard({seconds(5), seconds(5), seconds(300), PanicRule::kKeepsDwell});
  const auto act = [&](Direction direction, int now) {
    guard.started(direction, at(now));
    guard.ended(at(now));
  };
  act(Direction::kUp, 0);
  act(Direction::kDown, 100);
  guard.started(Direction::kUp, at(400));
  guard.refused();
  guard.ended(at(400));
  EXPECT_TRUE(guard.refuse(Direction::kUp, at(404), Urgency::kCalm).has_value()) << "it rests";
  act(Direction::kUp, 600);
  EXPECT_TRUE(guard.refuse(Direction::kDown, at(899), Urgency::kCalm).has_value())
      << "the turn is that of 600, not that of 400";
  EXPECT_FALSE(guard.refuse(Direction::kDown, at(900), Urgency::kCalm).has_value());
}

TEST(DirectionGuard, APanicMayOverrideTheDwellTime) {
  DirectionGuard guard({seconds(5), seconds(60), seconds(300), PanicRule::kOverridesDwell});
  guard.started(Direction::kUp, at(0));
  guard.started(Direction::kDown, at(100));
  EXPECT_TRUE(guard.refuse(Direction::kUp, at(101), Urgency::kCalm).has_value());
  EXPECT_FALSE(guard.refuse(Direction::kUp, at(101), Urgency::kPanic).has_value());
}

TEST(DrainChoice, TakesTheLeastLoadedAndTheUnknownLast) {
  const auto input = busy_input({0.5, 0.1, std::nullopt, 0.1, 0.9});
  EXPECT_THAT(choose_drain(input.expert_ranks, 5),
              ElementsAre(RankId(3), RankId(1), RankId(0), RankId(4), RankId(2)));
  EXPECT_THAT(choose_drain(input.expert_ranks, 1), ElementsAre(RankId(3)));
  EXPECT_TRUE(choose_drain(input.expert_ranks, 0).empty());
}

TEST(ScalingConfig, NamesTheRuleThatIsBroken) {
  const auto message = [](auto change) {
    ScalingConfig config;
    change(config);
    const auto valid = config.validate();
    return valid ? std::string() : valid.error().message;
  };
  using C = ScalingConfig;
  EXPECT_EQ(message([](C&) {}), "");
  EXPECT_THAT(message([](C& c) { c.stabilisation_down = seconds(3); }),
              HasSubstr("stabilisation_down (3 s) is shorter than metrics_window (5 s)"));
  EXPECT_THAT(message([](C& c) { c.cooldown_up = seconds(1); }), HasSubstr("cooldown_up"));
  EXPECT_THAT(message([](C& c) { c.dwell_min = seconds(100); }), HasSubstr("dwell_min"));
  EXPECT_THAT(message([](C& c) { c.stabilisation_up = seconds(301); }),
              HasSubstr("stabilisation_up"));
  EXPECT_THAT(message([](C& c) { c.interval = Duration(1); }), HasSubstr("10000 intervals"));
  EXPECT_THAT(message([](C& c) { c.interval = Duration::zero(); }), HasSubstr("interval"));
  EXPECT_THAT(message([](C& c) { c.panic_factor = 1.1; }), HasSubstr("panic_factor"));
  EXPECT_THAT(message([](C& c) { c.panic_stable = seconds(1); }), HasSubstr("panic_stable"));
  EXPECT_THAT(message([](C& c) { c.tolerance = 1; }), HasSubstr("tolerance"));
  EXPECT_THAT(message([](C& c) { c.ranks = {4, 3}; }), HasSubstr("ranks 4..3"));
  EXPECT_THAT(message([](C& c) { c.replicas = {0, 3}; }), HasSubstr("replicas 0..3"));
  EXPECT_THAT(message([](C& c) { c.replicas = {2, 3}; }), HasSubstr("replicas.min"));
  EXPECT_THAT(message([](C& c) { c.targets.busy_share = 1.5; }), HasSubstr("busy_share is 1.5"));
  EXPECT_THAT(
      message([](C& c) { c.targets = {std::nullopt, std::nullopt, {}, {}, std::nullopt, 1.2}; }),
      HasSubstr("no target"));
  EXPECT_THAT(message([](C& c) { c.up_factor_max = 1; }), HasSubstr("up_factor_max"));
  EXPECT_THAT(message([](C& c) { c.cooldown_down = seconds(-1); }), HasSubstr("negative"));
  EXPECT_THAT(message([](C& c) { c.memory_share_max = 0; }), HasSubstr("memory_share_max"));
}

TEST(ScalingConfig, ParsesModes) {
  for (const ScalingMode mode : {ScalingMode::kOff, ScalingMode::kAdvisory, ScalingMode::kActive}) {
    EXPECT_EQ(parse_scaling_mode(to_string(mode)).value(), mode);
  }
  EXPECT_THAT(parse_scaling_mode("on").error().message, HasSubstr("off, advisory, active"));
}

}  // namespace
}  // namespace switchyard::control
