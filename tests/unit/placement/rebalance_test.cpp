#include "runtime/placement/rebalance.h"

#include <gmock/gmock.h>

#include "runtime/placement/rebalance_moves.h"

namespace switchyard::placement {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// One layer; homes[e] are the ranks of expert e.
Placement placed(const std::vector<std::vector<std::uint32_t>>& homes) {
  std::vector<std::vector<Replica>> replicas;
  std::vector<std::uint32_t> next(16, 0);
  for (const auto& ranks : homes) {
    auto& list = replicas.emplace_back();
    for (const auto rank : ranks) list.push_back({RankId(rank), SlotId(next[rank]++)});
  }
  return Placement::create(1, homes.size(), std::move(replicas)).value();
}

struct Cluster {
  std::vector<RankId> ranks;
  std::vector<RankTraits> traits;
  explicit Cluster(std::vector<std::size_t> slots) {
    for (std::uint32_t r = 0; r < slots.size(); ++r) {
      ranks.emplace_back(r);
      traits.push_back({.slots = slots[r]});
    }
  }
};

std::vector<std::string> ordered(const Placement& now, const Placement& plan,
                                 const Cluster& cluster, std::size_t spare) {
  std::vector<std::string> out;
  const auto moves = order_moves(now, plan, {cluster.ranks, cluster.traits, spare}).value();
  for (const Move& move : moves) {
    out.push_back(fmt::format("{}{}@{}{}", move.kind == Move::Kind::kLoad ? '+' : '-',
                              move.expert.value(), move.rank.value(),
                              move.leaves_gap ? " gap" : ""));
  }
  return out;
}

TEST(Moves, ExchangeThroughTheSpareSlot) {
  const Cluster cluster({1, 1});
  EXPECT_THAT(ordered(placed({{0}, {1}}), placed({{1}, {0}}), cluster, 1),
              ElementsAre("+0@1", "+1@0", "-0@0", "-1@1"));
}

TEST(Moves, WithoutASpareSlotSayWhatMustBeDroppedFirst) {
  const Cluster cluster({1, 1});
  EXPECT_THAT(ordered(placed({{0}, {1}}), placed({{1}, {0}}), cluster, 0),
              ElementsAre("-0@0 gap", "+1@0", "-1@1", "+0@1"));
}

TEST(Moves, DropAFurtherCopyBeforeTheOnlyOne) {
  const Cluster cluster({2, 1, 1});
  // Expert 1 has copies on 0 and 1; rank 0 is to hold 0 and 2.
  EXPECT_THAT(ordered(placed({{0}, {0, 1}, {2}}), placed({{0}, {1}, {0, 2}}), cluster, 0),
              ElementsAre("-1@0", "+2@0"));
}

TEST(Moves, KeepOldCopiesUntilTheEndWhereThereIsRoom) {
  const Cluster cluster({2, 2});
  EXPECT_THAT(ordered(placed({{0}, {0}}), placed({{1}, {0, 1}}), cluster, 1),
              ElementsAre("+0@1", "+1@1", "-0@0"));
}

TEST(Moves, LoadWhatDiedFirst) {
  Cluster cluster({2, 2, 2});
  cluster.traits[2].alive = false;
  EXPECT_THAT(ordered(placed({{0}, {1}, {2}}), placed({{1}, {1}, {0}}), cluster, 1),
              ElementsAre("+2@0", "+0@1", "-0@0"));
}

TEST(Moves, RefusePlansThatDoNotFit) {
  Cluster cluster({1, 1});
  const auto message = [&](const Placement& plan) {
    const auto moves = order_moves(placed({{0}, {1}}), plan, {cluster.ranks, cluster.traits, 1});
    return moves ? std::string() : moves.error().message;
  };
  EXPECT_THAT(message(placed({{0}, {0}})), HasSubstr("rank 0 more than its 1 slots"));
  EXPECT_THAT(message(placed({{0}, {7}})), HasSubstr("rank 7, which is not listed"));
  cluster.traits[1].alive = false;
  EXPECT_THAT(message(placed({{0}, {1}})), HasSubstr("rank 1, which is dead"));
}

// Two ranks; experts with the loads 60, 20, 10, 10: both heavy ones on rank 0, or apart.
class Decision : public ::testing::Test {
 protected:
  [[nodiscard]] RebalanceDecision decide(const Placement& plan) const {
    return decide_rebalance({&now, &plan, cluster.ranks, cluster.traits, loads, floor}, limits,
                            times);
  }
  Cluster cluster{{3, 3}};
  Placement now = placed({{0}, {0}, {1}, {1}});
  Placement better = placed({{0}, {1}, {1}, {1}});
  std::vector<std::uint64_t> loads{60, 20, 10, 10};
  double floor = 1;
  RebalanceLimits limits;
  RebalanceTimes times{.step_seconds = 0.1,
                       .expert_share = 0.5,
                       .horizon_steps = 100,
                       .expert_bytes = 1e6,
                       .bytes_per_second = 1e6,
                       .stall_seconds = 0.1};
};

TEST_F(Decision, WeighsGainAgainstCost) {
  const auto decision = decide(better);
  EXPECT_DOUBLE_EQ(decision.imbalance_now, 1.6);
  EXPECT_DOUBLE_EQ(decision.imbalance_plan, 1.2);
  EXPECT_DOUBLE_EQ(decision.gain_seconds, 0.1 * 0.5 * 100 * 0.25);
  EXPECT_DOUBLE_EQ(decision.cost_seconds, 1.1);
  EXPECT_EQ(decision.loads, 1U);
  EXPECT_EQ(decision.reason, RebalanceReason::kWorthIt);
  EXPECT_TRUE(decision.go);
  times.horizon_steps = 80;
  EXPECT_EQ(decide(better).reason, RebalanceReason::kTooDear);
  EXPECT_FALSE(decide(better).go);
}

TEST_F(Decision, LeavesAloneWhatIsEvenOrBarelyBetter) {
  EXPECT_EQ(decide(now).reason, RebalanceReason::kNoChange);
  limits.imbalance_min = 1.61;
  EXPECT_EQ(decide(better).reason, RebalanceReason::kEven);
  limits.imbalance_min = 1.15;
  floor = 1.5;  // sampling noise alone would show nearly as much
  EXPECT_EQ(decide(better).reason, RebalanceReason::kEven);
  floor = 1;
  limits.improvement_min = 0.26;
  EXPECT_EQ(decide(better).reason, RebalanceReason::kTooLittle);
}

TEST_F(Decision, RepairsWhateverItCosts) {
  cluster.ranks.emplace_back(2);
  cluster.traits.push_back({.slots = 3, .alive = false});
  now = placed({{0}, {0}, {1}, {2}});
  times.horizon_steps = 0;
  EXPECT_EQ(decide(better).reason, RebalanceReason::kRepair);
  EXPECT_TRUE(decide(better).go);
}

TEST_F(Decision, CountsTimeNotLoadOnUnequalRanks) {
  cluster.traits[0].speed = 4;
  EXPECT_DOUBLE_EQ(decide(better).imbalance_now, 1.0);  // 80 / 4 and 20 / 1
  EXPECT_EQ(decide(better).reason, RebalanceReason::kEven);
}

}  // namespace
}  // namespace switchyard::placement
