#include "runtime/control/autoscaler.h"

#include <gmock/gmock.h>

namespace switchyard::control {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ScalingInput load(std::size_t ranks, std::optional<double> busy) {
  ScalingInput input;
  for (std::uint32_t r = 0; r < ranks; ++r) {
    input.expert_ranks.push_back({RankId(r), busy, std::nullopt, 0.3});
  }
  if (busy) input.queue_delay_us_p95 = 1000;
  input.spares_ready = 8;
  return input;
}

ScalingConfig active() {
  ScalingConfig config;
  config.mode = ScalingMode::kActive;
  config.ranks = {2, 16};
  return config;
}

struct Desk {
  explicit Desk(const ScalingConfig& config = active())
      : scaler(Autoscaler::create(config).value()) {}
  // One interval on, unless told otherwise.
  ScalingDecision decide(const ScalingInput& input, Duration step = seconds(5)) {
    now += step;
    return scaler.decide(input, now);
  }
  // The same input for so long; the last decision.
  ScalingDecision repeat(const ScalingInput& input, Duration time) {
    ScalingDecision last;
    for (Duration t{}; t < time; t += seconds(5)) last = decide(input);
    return last;
  }
  Autoscaler scaler;
  TimePoint now{seconds(1000)};
};

std::vector<std::string> clamps(const TrackDecision& track) {
  std::vector<std::string> out;
  for (const Clamp& clamp : track.clamps) out.emplace_back(to_string(clamp.kind));
  return out;
}

TEST(Autoscaler, ActivatesSparesAtOnceWhenBusy) {
  Desk desk;
  EXPECT_EQ(desk.decide(load(4, 0.7)).outcome, ScalingOutcome::kHold);
  const auto decision = desk.decide(load(4, 0.98));
  EXPECT_EQ(decision.outcome, ScalingOutcome::kAct);
  EXPECT_EQ(describe(decision.action), "activate 2 spares");
  EXPECT_EQ(decision.text(),
            "decision 2 (active): act: activate 2 spares; expert ranks 4 -> 6 (formula 6), "
            "busy_share 0.98 of 0.7 (ratio 1.40), queue_delay_us_p95 1000 of 2e+04 (ratio 0.05), "
            "memory_share 0.3 of 0.85 (ratio 0.35); replicas 1 -> 1 (formula 1)");
}

TEST(Autoscaler, SpawnsOnlyWithoutSparesAndHoldsWithoutEither) {
  Desk desk;
  ScalingInput input = load(4, 1.0);
  input.spares_ready = 1;
  EXPECT_EQ(describe(desk.decide(input).action), "activate 1 spares");
  desk.scaler.action_ended(desk.now);
  input.spares_ready = 0;
  input.spawnable_count = 5;
  EXPECT_EQ(describe(desk.decide(input).action), "spawn 2 ranks");
  desk.scaler.action_ended(desk.now);
  input.spawnable_count = 0;
  const auto decision = desk.decide(input);
  EXPECT_EQ(decision.outcome, ScalingOutcome::kHold);
  EXPECT_THAT(clamps(decision.ranks), ElementsAre("no_spares"));
  EXPECT_FALSE(desk.scaler.action_in_flight());
}

TEST(Autoscaler, DrainsTheLeastLoadedAfterTheWindow) {
  Desk desk;
  ScalingInput input = load(6, 0.3);
  input.expert_ranks[2].busy_share = 0.1;
  const auto early = desk.repeat(input, seconds(300));
  EXPECT_EQ(early.outcome, ScalingOutcome::kHold);
  EXPECT_THAT(clamps(early.ranks), ElementsAre("stabilised"));
  const auto decision = desk.decide(input);
  EXPECT_EQ(decision.outcome, ScalingOutcome::kAct);
  EXPECT_EQ(describe(decision.action), "drain rank 2, 5, 4");
}

TEST(Autoscaler, NeverDoesTwoThingsAtOnce) {
  Desk desk;
  EXPECT_EQ(desk.decide(load(4, 1.0)).outcome, ScalingOutcome::kAct);
  for (int i = 0; i < 10; ++i) {
    const auto decision = desk.decide(load(4, 1.0));
    EXPECT_EQ(decision.outcome, ScalingOutcome::kHold);
    EXPECT_THAT(clamps(decision.ranks), ElementsAre("action_in_flight"));
    EXPECT_THAT(decision.alarms, IsEmpty());
  }
  const auto late = desk.repeat(load(4, 1.0), seconds(80));
  ASSERT_EQ(late.alarms.size(), 1U);
  EXPECT_THAT(late.alarms[0], HasSubstr("an action has been under way for 130 s"));
  desk.scaler.action_ended(desk.now);
  EXPECT_EQ(desk.decide(load(4, 1.0)).outcome, ScalingOutcome::kAct);
}

TEST(Autoscaler, CoolsDownAfterAnAction) {
  Desk desk;
  (void)desk.decide(load(4, 1.0));
  desk.scaler.action_ended(desk.now + seconds(2));
  EXPECT_THAT(clamps(desk.decide(load(6, 1.0)).ranks), ElementsAre("cooldown"));
  EXPECT_EQ(desk.decide(load(6, 1.0)).outcome, ScalingOutcome::kAct);
}

// Up, then down, which is refused: up again is no second turn.
TEST(Autoscaler, WhatIsRefusedTurnsNothingRound) {
  Desk desk;
  ASSERT_EQ(desk.decide(load(4, 1.0)).outcome, ScalingOutcome::kAct);
  desk.scaler.action_ended(desk.now);
  ScalingDecision down;
  for (int i = 0; i < 100 && !desk.scaler.action_in_flight(); ++i) down = desk.decide(load(6, 0.3));
  ASSERT_EQ(down.ranks.direction(), Direction::kDown);
  desk.scaler.action_refused(desk.now);
  EXPECT_FALSE(desk.scaler.action_in_flight());
  (void)desk.repeat(load(6, 0.7), seconds(10));
  EXPECT_EQ(desk.decide(load(6, 1.0)).outcome, ScalingOutcome::kAct);
}

TEST(Autoscaler, HoldsWhenMetricsAreMissingAndRaisesAnAlarm) {
  Desk desk;
  (void)desk.repeat(load(8, 0.1), seconds(200));
  for (int i = 0; i < 100; ++i) {
    const auto decision = desk.decide(load(8, std::nullopt));
    EXPECT_EQ(decision.outcome, ScalingOutcome::kHold);
    EXPECT_THAT(clamps(decision.ranks), ElementsAre("metrics_missing"));
    EXPECT_EQ(decision.alarms.empty(), i < 2);
  }
  // A gap proves nothing about the load in it: the window starts anew.
  EXPECT_EQ(desk.repeat(load(8, 0.1), seconds(295)).outcome, ScalingOutcome::kHold);
  EXPECT_EQ(desk.decide(load(8, 0.1)).outcome, ScalingOutcome::kAct);
}

TEST(Autoscaler, ScalesUpOnWhatIsReadable) {
  Desk desk;
  ScalingInput input = load(4, 1.0);
  input.queue_delay_us_p95.reset();
  EXPECT_EQ(describe(desk.decide(input).action), "activate 2 spares");
}

TEST(Autoscaler, LimitsOneActionAndKeepsTheBounds) {
  ScalingConfig config = active();
  config.targets.busy_share = 0.1;  // so that the formula asks for ten times as many
  config.panic_factor = 100;
  Desk desk(config);
  auto decision = desk.decide(load(4, 1.0));
  EXPECT_EQ(decision.ranks.wanted, 40U);
  EXPECT_EQ(decision.ranks.final, 8U);
  EXPECT_THAT(clamps(decision.ranks), ElementsAre("rate"));
  desk.scaler.action_ended(desk.now);
  decision = desk.decide(load(14, 1.0));
  EXPECT_EQ(decision.ranks.final, 16U);
  EXPECT_THAT(clamps(decision.ranks), ElementsAre("rate", "bounds"));
}

TEST(Autoscaler, APanicGoesUpWithoutLimitAndNeverDown) {
  ScalingConfig config = active();
  config.targets.busy_share = 0.1;
  config.ranks.max = 64;
  Desk desk(config);
  auto input = load(4, 1.0);
  input.spares_ready = 60;
  auto decision = desk.decide(input);
  EXPECT_TRUE(decision.ranks.panic);
  EXPECT_EQ(decision.ranks.final, 40U);
  desk.scaler.action_ended(desk.now);
  decision = desk.decide(load(40, 0.01));
  EXPECT_TRUE(decision.ranks.panic);
  EXPECT_THAT(clamps(decision.ranks), ElementsAre("panic"));
}

TEST(Autoscaler, GoesToTheMinimumWhateverTheMetricsSay) {
  Desk desk;
  const auto decision = desk.decide(load(1, std::nullopt));  // a rank died
  EXPECT_EQ(describe(decision.action), "activate 1 spares");
  EXPECT_THAT(clamps(decision.ranks), ElementsAre("bounds"));
}

TEST(Autoscaler, AdvisesWithoutActing) {
  ScalingConfig config = active();
  config.mode = ScalingMode::kAdvisory;
  Desk desk(config);
  for (int i = 0; i < 3; ++i) {
    const auto decision = desk.decide(load(4, 1.0));
    EXPECT_EQ(decision.outcome, ScalingOutcome::kAdvice);
    EXPECT_EQ(describe(decision.action), "activate 2 spares");
    EXPECT_FALSE(desk.scaler.action_in_flight());
  }
  desk.scaler.set_mode(ScalingMode::kOff);
  EXPECT_EQ(desk.decide(load(4, 1.0)).outcome, ScalingOutcome::kOff);
  desk.scaler.set_mode(ScalingMode::kActive);
  EXPECT_EQ(desk.decide(load(4, 1.0)).outcome, ScalingOutcome::kAct);
}

TEST(Autoscaler, IsAskedOncePerInterval) {
  Desk desk;
  (void)desk.decide(load(4, 0.7));
  EXPECT_EQ(desk.decide(load(4, 1.0), seconds(1)).outcome, ScalingOutcome::kNotDue);
  EXPECT_EQ(desk.decide(load(4, 1.0), seconds(4)).number, 2U);
}

ScalingConfig with_replicas() {
  ScalingConfig config = active();
  config.replicas = {1, 4};
  config.targets.load_max_over_mean = 1.25;
  return config;
}

TEST(Autoscaler, SpreadsSkewedLoadOverReplicas) {
  Desk desk(with_replicas());
  ScalingInput input = load(4, 0.7);
  input.load_max_over_mean = 2.0;
  const auto decision = desk.decide(input);
  EXPECT_EQ(describe(decision.action), "set 2 replicas of each expert");
}

TEST(Autoscaler, RanksChangeBeforeReplicas) {
  Desk desk(with_replicas());
  ScalingInput input = load(4, 1.0);
  input.load_max_over_mean = 2.0;
  const auto decision = desk.decide(input);
  EXPECT_EQ(describe(decision.action), "activate 2 spares");
  EXPECT_THAT(clamps(decision.replicas), ElementsAre("other_first"));
}

TEST(Autoscaler, ReplicasMustFitIntoMemoryAndOntoRanks) {
  Desk desk(with_replicas());
  ScalingInput input = load(4, 0.7);
  input.load_max_over_mean = 2.0;
  input.expert_ranks[3].memory_share = 0.6;
  EXPECT_THAT(clamps(desk.decide(input).replicas), ElementsAre("memory"));
  input.expert_ranks[3].memory_share.reset();
  EXPECT_THAT(clamps(desk.decide(input).replicas), ElementsAre("memory"));
  ScalingInput two = load(2, 0.7);
  two.load_max_over_mean = 2.0;
  two.replicas = 2;
  EXPECT_THAT(clamps(desk.decide(two).replicas), ElementsAre("replicas"));
}

TEST(Autoscaler, ReplicasAreLeftAloneWithoutTheirMetric) {
  Desk desk;
  ScalingInput input = load(4, 0.7);
  input.replicas = 3;  // the bounds say 1..1, but nobody asked for scaling them
  EXPECT_EQ(desk.decide(input).outcome, ScalingOutcome::kHold);
}

TEST(Autoscaler, KeepsAsManyRanksAsReplicas) {
  Desk desk;
  ScalingInput input = load(6, 0.05);
  input.replicas = 5;
  (void)desk.repeat(input, seconds(300));
  const auto decision = desk.decide(input);
  EXPECT_EQ(decision.ranks.final, 5U);
  EXPECT_THAT(clamps(decision.ranks), ElementsAre("replicas"));
}

}  // namespace
}  // namespace switchyard::control
