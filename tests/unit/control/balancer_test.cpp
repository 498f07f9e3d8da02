#include "runtime/control/balancer.h"

#include <gmock/gmock.h>

namespace switchyard::control {
namespace {

using placement::Placement;
using std::chrono::seconds;
using ::testing::HasSubstr;

// One layer of four experts on two ranks, as given.
Placement on_ranks(const std::vector<std::uint32_t>& rank_of) {
  std::vector<std::vector<placement::Replica>> replicas;
  std::uint32_t used[2] = {0, 0};
  for (const std::uint32_t rank : rank_of) {
    replicas.push_back({{RankId(rank), SlotId(used[rank]++)}});
  }
  return Placement::create(1, 4, std::move(replicas)).value();
}

struct Question {
  Placement now = on_ranks({0, 0, 1, 1});
  Placement plan = on_ranks({0, 1, 0, 1});
  BalancingInput input{&now, &plan, {RankId(0), RankId(1)}, {{}, {}}, {}, 0.8, 1e6};
  Question() { input.loads = {4000, 4000, 1000, 1000}; }
};

BalancingConfig active() {
  BalancingConfig config;
  config.mode = BalancingMode::kActive;
  return config;
}

TEST(Balancer, MovesWhatPays) {
  Balancer balancer = Balancer::create(active()).value();
  const Question question;
  const auto& record =
      balancer.decide(question.input, BalancingOccasion::kByItself, TimePoint(seconds(5)));
  EXPECT_TRUE(record.go);
  EXPECT_DOUBLE_EQ(record.imbalance_now, 1.6);
  EXPECT_DOUBLE_EQ(record.imbalance_plan, 1.0);
  EXPECT_EQ(record.copies, 2U);
  EXPECT_GT(record.imbalance_floor, 1.0);
  EXPECT_NEAR(record.gain_seconds, 600 * 0.8 * 0.375, 1e-9);
  EXPECT_NEAR(record.cost_seconds, 1e6 / 200e6, 1e-9);
  EXPECT_THAT(record.text(), HasSubstr("worth it: imbalance 1.600 -> 1.000"));
}

TEST(Balancer, StaysWhereMovingCostsMoreThanItGains) {
  Balancer balancer = Balancer::create(active()).value();
  Question question;
  question.input.busy_share_max = 1e-6;  // nearly idle: there is nothing to save
  const auto& idle =
      balancer.decide(question.input, BalancingOccasion::kByItself, TimePoint(seconds(5)));
  EXPECT_FALSE(idle.go);
  EXPECT_EQ(idle.reason, "costs more than it gains");
  balancer.measured_load(1e6, seconds(1000));  // a disk that takes ages
  question.input.busy_share_max = 0.8;
  EXPECT_FALSE(
      balancer.decide(question.input, BalancingOccasion::kByItself, TimePoint(seconds(6))).go);
  EXPECT_TRUE(balancer.decide(question.input, BalancingOccasion::kAsked, TimePoint(seconds(7))).go);
  EXPECT_EQ(balancer.last()->reason, "asked for");
}

TEST(Balancer, BelievesNoNoise) {
  Balancer balancer = Balancer::create(active()).value();
  Question question;
  question.input.loads = {3, 3, 2, 2};
  const auto& record =
      balancer.decide(question.input, BalancingOccasion::kByItself, TimePoint(seconds(5)));
  EXPECT_FALSE(record.go);
  EXPECT_EQ(record.reason, "even enough");
  EXPECT_GT(record.imbalance_floor, 1.3);
}

TEST(Balancer, LooksForAPlanOnlyWhereItCouldPay) {
  Balancer balancer = Balancer::create(active()).value();
  Question question;
  question.input.plan = nullptr;
  EXPECT_TRUE(balancer.worth_planning(question.input, TimePoint(seconds(5))));
  EXPECT_FALSE(balancer.last().has_value());
  question.input.loads = {2000, 2000, 1900, 1900};
  EXPECT_FALSE(balancer.worth_planning(question.input, TimePoint(seconds(6))));
  EXPECT_EQ(balancer.last()->reason, "even enough");
  EXPECT_GT(balancer.last()->imbalance_now, 1.02);
  question.input.loads = {};
  EXPECT_FALSE(balancer.worth_planning(question.input, TimePoint(seconds(7))));
  EXPECT_EQ(balancer.last()->reason, "no loads were reported");
}

TEST(Balancer, ByItselfMovesNothingWithoutLoads) {
  Balancer balancer = Balancer::create(active()).value();
  Question question;
  question.input.loads = {};
  EXPECT_FALSE(
      balancer.decide(question.input, BalancingOccasion::kByItself, TimePoint(seconds(5))).go);
  EXPECT_EQ(balancer.last()->reason, "no loads were reported");
  EXPECT_TRUE(balancer.decide(question.input, BalancingOccasion::kAsked, TimePoint(seconds(6))).go);
}

TEST(Balancer, IsDueAfterAnIntervalAndACoolDown) {
  Balancer balancer = Balancer::create(active()).value();
  EXPECT_TRUE(balancer.due(TimePoint(seconds(1))));
  balancer.skip("busy", TimePoint(seconds(1)));
  EXPECT_FALSE(balancer.due(TimePoint(seconds(10))));
  EXPECT_TRUE(balancer.due(TimePoint(seconds(11))));
  balancer.ended(TimePoint(seconds(12)));
  EXPECT_FALSE(balancer.due(TimePoint(seconds(71))));
  EXPECT_TRUE(balancer.due(TimePoint(seconds(72))));
  EXPECT_FALSE(Balancer::create({}).value().due(TimePoint(seconds(1000))));  // off
}

TEST(Balancer, RefusesWhatCannotWork) {
  BalancingConfig config;
  config.copies_per_view = 0;
  EXPECT_THAT(Balancer::create(config).error().message, HasSubstr("copies_per_view"));
  config = {};
  config.window = Duration::zero();
  EXPECT_FALSE(Balancer::create(config).has_value());
  EXPECT_THAT(parse_balancing_mode("sometimes").error().message, HasSubstr("advisory"));
  EXPECT_EQ(parse_balancing_mode("advisory").value(), BalancingMode::kAdvisory);
}

}  // namespace
}  // namespace switchyard::control
