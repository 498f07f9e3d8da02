#include <gmock/gmock.h>

#include "runtime/placement/metrics.h"
#include "runtime/placement/planner_table.h"
#include "runtime/placement/planners/move_budget.h"

namespace switchyard::placement {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

PlanRequest request_of(std::size_t ranks, std::vector<std::uint64_t> loads) {
  PlanRequest request;
  for (std::uint32_t r = 0; r < ranks; ++r) request.expert_ranks.emplace_back(r);
  request.layers = 1;
  request.experts = loads.size();
  request.loads = std::move(loads);
  return request;
}

std::vector<std::uint32_t> held(const Placement& plan, std::uint32_t rank) {
  std::vector<std::uint32_t> out;
  for (const ExpertId e : plan.experts_of(0, RankId(rank))) out.push_back(e.value());
  return out;
}

std::vector<double> loads_of(const PlanRequest& request, const Placement& plan) {
  return rank_loads(plan, request.expert_ranks, request.loads)[0];
}

TEST(Balanced, PacksEvenlyWithoutCopies) {
  const auto request = request_of(2, {7, 6, 5, 4, 3, 1});
  const auto plan = plan_placement("balanced", request).value();
  EXPECT_THAT(loads_of(request, plan), ElementsAre(13, 13));
}

TEST(Balanced, GivesSpareSlotsToTheBusiestOnDistinctRanks) {
  auto request = request_of(4, {90, 10, 10, 10});
  request.slots = 2;
  const auto plan = plan_placement("balanced", request).value();
  EXPECT_EQ(plan.replicas(0, ExpertId(0)).size(), 4U);
  // Four ranks cannot hold more of it; the last spare slot goes to another.
  EXPECT_THAT(loads_of(request, plan), ElementsAre(32.5, 32.5, 27.5, 27.5));
}

TEST(Balanced, GivesFastRanksMore) {
  auto request = request_of(2, {10, 10, 10, 10});
  request.ranks = {{.slots = 4, .speed = 1}, {.slots = 4, .speed = 3}};
  request.slots = 0;
  const auto plan = plan_placement("balanced", request).value();
  const auto loads = loads_of(request, plan);
  EXPECT_NEAR(std::max(loads[0], loads[1] / 3), 10, 1e-9);
}

TEST(Balanced, CountsExpertsNotPairsForDecode) {
  // By tokens the heavy one is alone; a step reads the light ones nearly as surely.
  auto request = request_of(2, {1000, 250, 250, 250});
  request.ranks = {{.slots = 4}, {.slots = 4}};
  request.tokens = 1000;
  request.step_tokens = 64;
  request.slots = 4;
  request.objective = Objective::kActivated;
  const auto plan = plan_placement("balanced", request).value();
  EXPECT_EQ(held(plan, 0).size(), 2U);
  EXPECT_EQ(held(plan, 1).size(), 2U);
  request.objective = Objective::kTokens;
  const auto by_tokens = plan_placement("balanced", request).value();
  EXPECT_THAT(loads_of(request, by_tokens), ElementsAre(875, 875));
  request.tokens = 0;
  request.objective = Objective::kActivated;
  EXPECT_THAT(plan_placement("balanced", request).error().message, HasSubstr("number of tokens"));
}

TEST(Balanced, BringsPartnersTogetherWithinTheTolerance) {
  auto request = request_of(2, {10, 10, 10, 10});
  request.chosen_together.assign(16, 0);
  const auto pair = [&](std::size_t a, std::size_t b) {
    request.chosen_together[a * 4 + b] = request.chosen_together[b * 4 + a] = 9;
  };
  pair(0, 3);
  pair(1, 2);
  const auto plan = plan_placement("balanced", request).value();
  EXPECT_THAT(std::vector({held(plan, 0), held(plan, 1)}),
              UnorderedElementsAre(ElementsAre(0, 3), ElementsAre(1, 2)));
  // Partners of unequal load stay apart unless that may cost something.
  request.loads = {20, 10, 10, 20};
  const auto even = plan_placement("balanced", request).value();
  EXPECT_THAT(loads_of(request, even), ElementsAre(30, 30));
  request.together_tolerance = 0.5;
  const auto loose = plan_placement("balanced", request).value();
  EXPECT_THAT(loads_of(request, loose), UnorderedElementsAre(40, 20));
}

TEST(Balanced, MovesFewerCopiesTheMoreTheyCost) {
  auto request = request_of(2, {60, 20, 10, 10});
  request.slots = 3;
  request.previous = Placement::create(1, 4,
                                       {{{RankId(0), SlotId(0)}},
                                        {{RankId(0), SlotId(1)}},
                                        {{RankId(0), SlotId(2)}},
                                        {{RankId(1), SlotId(0)}}})
                         .value();
  const auto slowest_at = [&](double cost) {
    request.moves.cost = cost;
    const auto loads = loads_of(request, plan_placement("balanced", request).value());
    return std::max(loads[0], loads[1]);
  };
  EXPECT_DOUBLE_EQ(slowest_at(0), 50);  // a copy of the heavy one, two moves
  EXPECT_DOUBLE_EQ(slowest_at(1000), 90);
  request.moves = {.cost = 0, .most = 1};
  const auto one = plan_placement("balanced", request).value();
  EXPECT_LT(loads_of(request, one)[0], 90);
  EXPECT_GT(plan_churn(request.previous, one), 0.0);
}

TEST(Balanced, KeepsSlotsOfCopiesThatStay) {
  auto request = request_of(1, {1, 1, 1});
  request.slots = 3;
  request.previous =
      Placement::create(
          1, 3, {{{RankId(0), SlotId(2)}}, {{RankId(9), SlotId(0)}}, {{RankId(0), SlotId(0)}}})
          .value();
  const auto plan = plan_placement("balanced", request).value();
  EXPECT_THAT(held(plan, 0), ElementsAre(2, 1, 0));
}

TEST(Balanced, SaysWhatDoesNotFit) {
  auto request = request_of(2, {1, 1, 1, 1});
  request.slots = 1;
  EXPECT_THAT(plan_placement("balanced", request).error().message,
              HasSubstr("4 experts with 1 copies each do not fit 2 slots on 2 ranks"));
  request.slots = 0;
  request.ranks = {{.slots = 8, .region = "a"}, {.slots = 3, .region = "b"}};
  request.every_region = true;
  EXPECT_THAT(plan_placement("balanced", request).error().message, HasSubstr("do not fit 7 slots"));
  request.expert_ranks.emplace_back(5);
  request.ranks.push_back({.slots = 4, .region = "a"});
  EXPECT_THAT(plan_placement("balanced", request).error().message,
              HasSubstr("the region of rank 1 has 3 slots for a copy of each of 4 experts"));
}

TEST(MoveBudget, TakesTheStepsThatBringMostPerMove) {
  const std::vector<std::vector<LayerOption>> layers = {
      {{100, 0}, {90, 1}, {60, 2}, {59, 6}},  // 20 a move for two, then 0.25
      {{100, 0}, {70, 1}, {65, 2}}};          // 30, then 5
  EXPECT_THAT(choose_options(layers, {.cost = 0, .most = SIZE_MAX}), ElementsAre(3, 2));
  EXPECT_THAT(choose_options(layers, {.cost = 1, .most = SIZE_MAX}), ElementsAre(2, 2));
  EXPECT_THAT(choose_options(layers, {.cost = 10, .most = SIZE_MAX}), ElementsAre(2, 1));
  EXPECT_THAT(choose_options(layers, {.cost = 25, .most = SIZE_MAX}), ElementsAre(0, 1));
  EXPECT_THAT(choose_options(layers, {.cost = 0, .most = 3}), ElementsAre(2, 1));
  EXPECT_THAT(choose_options(layers, {.cost = 0, .most = 1}), ElementsAre(0, 1));
  EXPECT_THAT(choose_options(layers, {.cost = 0, .most = 0}), ElementsAre(0, 0));
}

}  // namespace
}  // namespace switchyard::placement
