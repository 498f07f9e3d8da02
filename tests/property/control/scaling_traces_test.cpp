// Simulated hours and days of load, in virtual time. A request is never lost, one action runs at a
// time (scaling_world.cpp checks it), the direction changes at most once per window, noise moves
// nothing, and a step is answered within two intervals. Canaries show that the checks can fail.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "tests/property/control/scaling_world.h"

namespace switchyard::control {
namespace {

using std::chrono::seconds;
constexpr double kHour = 3600;
constexpr double kDay = 24 * kHour;
constexpr double kWindow = 300;

ScalingWorldOptions world(std::function<double(double)> load, std::size_t ranks = 4) {
  ScalingWorldOptions options;
  options.config.mode = ScalingMode::kActive;
  options.config.ranks = {1, 64};
  options.ranks = ranks;
  options.requests_per_second = std::move(load);
  return options;
}

// The laws of every trace.
ScalingHistory run_lawfully(const ScalingWorldOptions& options, double time_seconds) {
  const ScalingHistory history = run_scaling_world(options, time_seconds);
  EXPECT_EQ(history.lost(), 0);
  EXPECT_LE(direction_changes_max(history.actions, kWindow), 1U);
  return history;
}

// Noise that is a function of (seed, second), uniform in 1 +- share.
double noise(std::uint64_t seed, double at_seconds, double share) {
  const double unit = to_unit(hash_counters(seed, static_cast<std::uint64_t>(at_seconds)));
  return 1 + share * (2 * unit - 1);
}

// At 70 % busy on `ranks` ranks.
double full_load(std::size_t ranks) {
  return static_cast<double>(ranks) * kRequestsPerRankSecond * 0.7;
}

TEST(ScalingTraces, NoiseOfTenPercentMovesNothing) {
  for (const std::size_t ranks : {1U, 3U, 8U, 32U}) {
    const auto history = run_lawfully(
        world([&](double t) { return full_load(ranks) * noise(ranks, t, 0.1); }, ranks), kDay);
    EXPECT_TRUE(history.actions.empty()) << ranks << " ranks";
  }
}

// Noise whose samples last a whole interval, so that averaging does not help.
TEST(ScalingTraces, SlowNoiseOfTenPercentMovesNothing) {
  for (const std::size_t ranks : {1U, 3U, 8U, 32U}) {
    const auto load = [&](double t) {
      return full_load(ranks) * noise(ranks, std::ceil(t / 5), 0.1);
    };
    const auto history = run_lawfully(world(load, ranks), kDay);
    EXPECT_TRUE(history.actions.empty()) << ranks << " ranks";
  }
}

TEST(ScalingTraces, AStepToTheDoubleIsAnsweredWithinTwoIntervals) {
  for (int phase = 0; phase < 10; ++phase) {
    const double step = 600 + 0.5 * phase;
    const auto history =
        run_lawfully(world([&](double t) { return full_load(4) * (t > step ? 2 : 1); }), kHour);
    ASSERT_FALSE(history.actions.empty());
    EXPECT_EQ(history.actions.front().direction, Direction::kUp);
    EXPECT_LE(history.actions.front().seconds - step, 10);
    EXPECT_GE(history.ranks_end, 8U);
    EXPECT_LE(history.ranks_max, 10U);
  }
}

TEST(ScalingTraces, AStepToTenTimesIsServedAndNotOvershotByMuch) {
  const auto history =
      run_lawfully(world([](double t) { return full_load(4) * (t > 600 ? 10 : 1); }), 2 * kHour);
  EXPECT_LE(history.actions.front().seconds - 600, 10);
  EXPECT_LE(history.delay_seconds_max, 60);
  EXPECT_GE(history.ranks_end, 37U);
  EXPECT_LE(history.ranks_end, 44U);
  EXPECT_LT(history.waiting, 10'000U);  // the queue is worked off
}

TEST(ScalingTraces, ADayFollowsItsSine) {
  const auto load = [](double t) {
    return full_load(20) * (0.55 - 0.45 * std::cos(2 * std::numbers::pi * t / kDay)) *
           noise(3, t, 0.05);
  };
  const auto history = run_lawfully(world(load, 3), 3 * kDay);
  EXPECT_LE(history.delay_seconds_max, 1);
  EXPECT_LE(history.ranks_max, 22U);
  // Up in the morning, down in the afternoon.
  EXPECT_LE(direction_changes_max(history.actions, 0.9 * kDay), 2U);
  // Cheaper than the peak all day long: the sine needs 55 % of it.
  EXPECT_LE(history.rank_seconds, 0.75 * 20 * 3 * kDay);
}

TEST(ScalingTraces, BurstsAreServedWithFewActions) {
  // A minute of five times the load, every ten minutes.
  const auto load = [](double t) { return full_load(4) * (std::fmod(t, 600) < 60 ? 5 : 1); };
  const auto history = run_lawfully(world(load), 12 * kHour);
  EXPECT_LT(history.waiting, 20'000U);
  EXPECT_LE(history.actions.size(), 5 * 72U);  // of 72 bursts
}

TEST(ScalingTraces, ARampIsFollowedBothWays) {
  const auto load = [](double t) {
    const double up = std::min(1.0, t / kHour);
    const double down = t < 2 * kHour ? 0 : std::min(0.95, (t - 2 * kHour) / kHour);
    return full_load(30) * std::max(0.05, up - down);
  };
  const auto history = run_lawfully(world(load, 2), 5 * kHour);
  EXPECT_LE(direction_changes_max(history.actions, 5 * kHour), 1U);
  EXPECT_GE(history.ranks_max, 28U);
  EXPECT_LE(history.ranks_end, 3U);
  EXPECT_LE(history.delay_seconds_max, 2);
}

TEST(ScalingTraces, SawtoothsOfAllPeriodsKeepCalm) {
  for (const double period : {20.0, 90.0, 300.0, 650.0, 1500.0, 5000.0}) {
    const auto load = [&](double t) { return full_load(10) * std::fmod(t, period) / period; };
    const auto history = run_lawfully(world(load, 10), 12 * kHour);
    // What is offered on average is half of what ten ranks serve: the queue stays bounded.
    EXPECT_LT(history.waiting, 700'000U) << period;
  }
}

TEST(ScalingTraces, FlappingInputDoesNotFlapTheCluster) {
  for (const double period : {10.0, 60.0, 200.0, 400.0, 700.0, 1000.0, 3000.0}) {
    const auto load = [&](double t) {
      return full_load(10) * (std::fmod(t, period) < period / 2 ? 1.0 : 0.2);
    };
    const auto history = run_lawfully(world(load, 10), 12 * kHour);
    if (period <= 600) {
      EXPECT_TRUE(history.actions.empty()) << period;
    }
  }
}

TEST(ScalingTraces, GapsInTheMetricsNeverScaleDown) {
  auto options = world([](double) { return full_load(2); }, 8);
  options.metrics_missing = [](double t) { return std::fmod(t, 250) < 60; };
  EXPECT_TRUE(run_lawfully(options, 6 * kHour).actions.empty());
  options.metrics_missing = [](double t) { return t > 200 && t < 7200; };
  const auto history = run_lawfully(options, 6 * kHour);
  ASSERT_FALSE(history.actions.empty());
  EXPECT_GE(history.actions.front().seconds, 7200 + 290);
  EXPECT_EQ(history.ranks_end, 2U);
}

// Random stretches of load with random gaps and slow actions: the laws hold for any trace.
TEST(ScalingTraces, TheLawsHoldForRandomTraces) {
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Random random(seed);
    const double stretch = 5 + random.next_unit() * 900;
    const double height = 1 + random.next_unit() * 40;
    const double gaps = random.next_below(2) == 0 ? 0 : 0.2 * random.next_unit();
    auto options = world(
        [=](double t) {
          const auto piece = static_cast<std::uint64_t>(t / stretch);
          const double level = std::pow(to_unit(hash_counters(seed, piece, 1)), 2);
          return full_load(1) * height * level * noise(seed, t, 0.1);
        },
        1 + random.next_below(20));
    options.metrics_missing = [=](double t) {
      return to_unit(hash_counters(seed, static_cast<std::uint64_t>(t), 2)) < gaps;
    };
    options.activation_time = seconds(1 + random.next_below(60));
    options.config.ranks.min = 1 + random.next_below(3);
    options.config.ranks.max = 24 + random.next_below(24);
    (void)run_lawfully(options, 6 * kHour);
    if (HasFailure()) return;
  }
}

// Ten minutes of forty times the load, then a lull just long enough to scale down in. With the
// other panic rule capacity comes before calm: the turn upwards does not wait for the dwell time,
// so there are two changes of direction in a window, and shorter queues.
TEST(ScalingTraces, APanicMayTurnUpOncePerWindow) {
  const auto run = [](PanicRule rule) {
    auto options =
        world([](double t) { return full_load(2) * (std::fmod(t, 1170) < 600 ? 40 : 1); }, 2);
    options.config.ranks.max = 80;
    options.spares = 80;
    options.config.panic_rule = rule;
    return run_scaling_world(options, 6 * kHour);
  };
  const ScalingHistory calm = run(PanicRule::kKeepsDwell);
  const ScalingHistory quick = run(PanicRule::kOverridesDwell);
  EXPECT_EQ(calm.lost(), 0);
  EXPECT_EQ(quick.lost(), 0);
  EXPECT_EQ(direction_changes_max(calm.actions, kWindow), 1U);
  EXPECT_EQ(direction_changes_max(quick.actions, kWindow), 2U);
  EXPECT_LT(quick.delay_seconds_max, calm.delay_seconds_max);
}

// A configuration without dampers must flap, or the checker proves nothing.
TEST(ScalingCanary, WithoutDampersItFlaps) {
  auto options =
      world([](double t) { return full_load(10) * (std::fmod(t, 60) < 30 ? 1.0 : 0.2); }, 10);
  ScalingConfig& config = options.config;
  config.metrics_window = config.stabilisation_down = config.dwell_min = seconds(0);
  config.cooldown_up = config.cooldown_down = seconds(0);
  config.tolerance = 0;
  ASSERT_TRUE(config.validate().has_value());
  const auto history = run_scaling_world(options, kHour);
  EXPECT_GT(direction_changes_max(history.actions, kWindow), 4U);
}

TEST(ScalingCanary, WithoutToleranceNoiseMovesIt) {
  auto options =
      world([](double t) { return full_load(16) * noise(1, std::ceil(t / 5), 0.1); }, 16);
  options.config.tolerance = 0;
  EXPECT_FALSE(run_scaling_world(options, kHour).actions.empty());
}

TEST(ScalingCanary, ARankThatDropsItsRequestsIsNoticed) {
  auto options = world([](double) { return full_load(2); }, 8);
  options.leaving = Leaving::kDropsItsRequests;
  EXPECT_GT(run_scaling_world(options, kHour).lost(), 0);
}

}  // namespace
}  // namespace switchyard::control
