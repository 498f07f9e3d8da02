// Simulated days of skewed load, in virtual time: the number of copies of each expert follows the
// skew, one change at a time, within its bounds, and does not flap.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <vector>

#include "runtime/base/random.h"
#include "runtime/control/autoscaler.h"
#include "tests/property/control/scaling_world.h"

namespace switchyard::control {
namespace {

using std::chrono::seconds;
constexpr double kHour = 3600;
constexpr double kDay = 24 * kHour;
constexpr double kWindow = 300;
constexpr double kMoveSeconds = 20;  // that the copies of a change take

struct History {
  std::vector<ScalingEvent> actions;
  std::size_t most = 0;
  std::size_t at_end = 0;
  double imbalance_max = 0;  // an hour after the start, while nothing moves
};

ScalingConfig config() {
  ScalingConfig out;
  out.mode = ScalingMode::kActive;
  out.ranks = {1, 16};
  out.replicas = {1, 4};
  out.targets.queue_delay_us_p95 = std::nullopt;
  out.targets.load_max_over_mean = 1.5;
  return out;
}

// Eight ranks as busy as they should be, the busiest of which has `skew` times the mean with one
// copy of each expert; r copies spread what is above the mean over r ranks.
History run(const ScalingConfig& of, const std::function<double(double)>& skew, double time) {
  Autoscaler scaler = Autoscaler::create(of).value();
  History out;
  std::size_t replicas = 1;
  double ready_at = -1;
  std::size_t coming = 1;
  for (double t = 5; t <= time; t += 5) {
    const TimePoint now(std::chrono::round<Duration>(std::chrono::duration<double>(t)));
    if (ready_at >= 0 && t >= ready_at) {
      replicas = coming;
      ready_at = -1;
      scaler.action_ended(now);
    }
    ScalingInput input;
    for (std::uint32_t r = 0; r < 8; ++r) {
      input.expert_ranks.push_back(
          {RankId(r), 0.7, std::nullopt, 0.1 * static_cast<double>(replicas)});
    }
    input.replicas = replicas;
    input.spares_ready = 8;
    input.load_max_over_mean = 1 + (skew(t) - 1) / static_cast<double>(replicas);
    if (t > kHour && ready_at < 0) {
      out.imbalance_max = std::max(out.imbalance_max, *input.load_max_over_mean);
    }
    const ScalingDecision decision = scaler.decide(input, now);
    if (decision.outcome != ScalingOutcome::kAct) continue;
    EXPECT_LT(ready_at, 0) << "two changes at once: " << decision.text();
    const auto* set = std::get_if<SetReplicas>(&decision.action);
    EXPECT_NE(set, nullptr) << "ranks change: " << decision.text();
    if (set == nullptr) return out;
    EXPECT_GE(set->replicas, of.replicas.min);
    EXPECT_LE(set->replicas, of.replicas.max);
    out.actions.push_back({t, decision.replicas.direction(), replicas, set->replicas});
    coming = set->replicas;
    ready_at = t + kMoveSeconds;
    out.most = std::max(out.most, coming);
  }
  out.at_end = replicas;
  return out;
}

double noise(double t, double share) {
  return 1 + share * (2 * to_unit(hash_counters(9, static_cast<std::uint64_t>(t))) - 1);
}

TEST(ScalingReplicas, NoiseOfTenPercentMovesNothing) {
  const auto history = run(
      config(), [](double t) { return 1.45 * noise(t, 0.1); }, kDay);
  EXPECT_TRUE(history.actions.empty());
}

TEST(ScalingReplicas, FollowASkewThatComesAndGoes) {
  // Even at night, three times the mean on the busiest rank by day.
  const auto day = [](double t) {
    return 2 - std::cos(2 * std::numbers::pi * t / kDay) * 0.99 + 0.02 * noise(t, 1);
  };
  const auto history = run(config(), day, 3 * kDay);
  EXPECT_GE(history.most, 2U);
  EXPECT_LE(history.imbalance_max, 2);  // it would be 3
  EXPECT_LE(direction_changes_max(history.actions, kWindow), 1U);
  EXPECT_LE(direction_changes_max(history.actions, 0.9 * kDay), 2U);  // up and down once a day
  EXPECT_LE(history.actions.size(), 3U * 6);
}

TEST(ScalingReplicas, SkewsOfAllPeriodsKeepCalm) {
  for (const double period : {10.0, 60.0, 200.0, 400.0, 700.0, 1000.0, 3000.0}) {
    const auto flaps = [&](double t) { return std::fmod(t, period) < period / 2 ? 4.0 : 1.0; };
    const auto history = run(config(), flaps, 12 * kHour);
    EXPECT_LE(direction_changes_max(history.actions, kWindow), 1U) << period;
    if (period <= 300) {
      EXPECT_LE(history.actions.size(), 2U) << period;
    }
  }
}

TEST(ScalingReplicas, TheLawsHoldForRandomSkews) {
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    Random random(seed);
    const double stretch = 5 + random.next_unit() * 2000;
    const auto skew = [&](double t) {
      const auto piece = static_cast<std::uint64_t>(t / stretch);
      return 1 + 6 * to_unit(hash_counters(seed, piece)) * noise(t, 0.1);
    };
    const auto history = run(config(), skew, 12 * kHour);
    EXPECT_LE(direction_changes_max(history.actions, kWindow), 1U) << "seed " << seed;
  }
}

// Without dampers it must flap, or the tests above prove nothing.
TEST(ScalingReplicas, WithoutDampersTheyFlap) {
  ScalingConfig bare = config();
  bare.metrics_window = bare.stabilisation_down = bare.dwell_min = seconds(0);
  bare.cooldown_up = bare.cooldown_down = seconds(0);
  bare.tolerance = 0;
  bare.targets.load_max_over_mean = 2;
  const auto flaps = [](double t) { return std::fmod(t, 100) < 50 ? 8.0 : 1.0; };
  EXPECT_GT(direction_changes_max(run(bare, flaps, kHour).actions, kWindow), 2U);
}

}  // namespace
}  // namespace switchyard::control
