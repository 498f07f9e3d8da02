#include <gmock/gmock.h>

#include <algorithm>

#include "runtime/placement/metrics.h"
#include "runtime/placement/planner_table.h"

namespace switchyard::placement {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<RankId> ranks_of(std::initializer_list<std::uint32_t> values) {
  std::vector<RankId> out;
  for (const auto value : values) out.emplace_back(value);
  return out;
}

std::vector<std::uint32_t> held(const Placement& placement, std::uint32_t rank) {
  std::vector<std::uint32_t> out;
  for (const ExpertId e : placement.experts_of(0, RankId(rank))) out.push_back(e.value());
  return out;
}

TEST(Placement, SortsReplicasByRank) {
  const auto made =
      Placement::create(1, 1, {{{RankId(3), SlotId(0)}, {RankId(1), SlotId(2)}}}).value();
  const auto copies = made.replicas(0, ExpertId(0));
  ASSERT_EQ(copies.size(), 2U);
  EXPECT_EQ(copies[0].rank, RankId(1));
  EXPECT_EQ(copies[0].slot, SlotId(2));
  EXPECT_EQ(copies[1].rank, RankId(3));
}

TEST(Placement, GivesExpertsInSlotOrder) {
  const auto made =
      Placement::create(1, 2, {{{RankId(0), SlotId(1)}}, {{RankId(0), SlotId(0)}}}).value();
  EXPECT_THAT(held(made, 0), ElementsAre(1, 0));
  EXPECT_TRUE(held(made, 1).empty());
}

TEST(Placement, NamesWhatIsWrong) {
  const auto message = [](std::size_t layers, std::vector<std::vector<Replica>> lists) {
    const auto made = Placement::create(layers, 2, std::move(lists));
    EXPECT_FALSE(made.has_value());
    EXPECT_EQ(made.error().code, ErrorCode::kConfig);
    return made.error().message;
  };
  const Replica a{RankId(0), SlotId(0)};
  const Replica b{RankId(0), SlotId(1)};
  EXPECT_THAT(message(2, {{a}, {b}}), HasSubstr("2 lists for 2 layers of 2"));
  EXPECT_THAT(message(2, {{a}, {b}, {a}, {}}), HasSubstr("layer 1 expert 1 is on no rank"));
  EXPECT_THAT(message(1, {{a, b}, {b}}), HasSubstr("expert 0 is twice on rank 0"));
  EXPECT_THAT(message(1, {{a}, {a}}), HasSubstr("expert 1: slot 0 of rank 0 is taken"));
}

TEST(Planners, ContiguousGivesTheFirstRanksOneMore) {
  const auto plan = plan_placement("contiguous", {ranks_of({2, 5, 7}), 2, 8, 1}).value();
  EXPECT_THAT(held(plan, 2), ElementsAre(0, 1, 2));
  EXPECT_THAT(held(plan, 5), ElementsAre(3, 4, 5));
  EXPECT_THAT(held(plan, 7), ElementsAre(6, 7));
  EXPECT_EQ(plan.layers(), 2U);
}

TEST(Planners, RoundRobinDealsExpertsOut) {
  const auto plan = plan_placement("round-robin", {ranks_of({0, 1, 2}), 1, 8, 1}).value();
  EXPECT_THAT(held(plan, 0), ElementsAre(0, 3, 6));
  EXPECT_THAT(held(plan, 2), ElementsAre(2, 5));
}

TEST(Planners, LeaveRanksEmptyWhereExpertsRunOut) {
  const auto plan = plan_placement("contiguous", {ranks_of({0, 1, 2}), 1, 2, 1}).value();
  EXPECT_TRUE(held(plan, 2).empty());
}

TEST(Planners, PutCopiesFarAwayAndNumberSlotsThrough) {
  const auto plan = plan_placement("contiguous", {ranks_of({0, 1, 2, 3}), 1, 4, 2}).value();
  EXPECT_THAT(held(plan, 0), ElementsAre(0, 2));
  EXPECT_THAT(held(plan, 2), ElementsAre(2, 0));
  const auto everywhere = plan_placement("round-robin", {ranks_of({0, 1, 2}), 1, 4, 3}).value();
  for (std::uint32_t e = 0; e < 4; ++e) {
    EXPECT_EQ(everywhere.replicas(0, ExpertId(e)).size(), 3U);
  }
}

// Rank 1 is on host a, 2 and 3 on b, as where a router has taken a place of four on two hosts.
TEST(Planners, PutTheCopiesOfAnExpertOnDifferentHosts) {
  for (const char* name : {"contiguous", "round-robin"}) {
    PlanRequest request{ranks_of({1, 2, 3}), 2, 12, 2};
    for (const char* host : {"a", "b", "b"}) {
      RankTraits traits;
      traits.host = host;
      request.ranks.push_back(traits);
    }
    const auto plan = plan_placement(name, request).value();
    for (std::size_t l = 0; l < 2; ++l) {
      for (std::uint32_t e = 0; e < 12; ++e) {
        std::size_t on_a = 0;
        for (const auto& copy : plan.replicas(l, ExpertId(e))) on_a += copy.rank == RankId(1);
        EXPECT_EQ(on_a, 1U) << name << " layer " << l << " expert " << e;
      }
    }
    EXPECT_EQ(held(plan, 2).size(), 6U) << name;  // each of the two takes its half
  }
}

TEST(Planners, PutTheCopiesOfAnExpertInDifferentZones) {
  PlanRequest request{ranks_of({0, 1, 2, 3}), 1, 8, 2};
  for (const char* zone : {"x", "y", "x", "y"}) {
    RankTraits traits;
    traits.zone = zone;
    request.ranks.push_back(traits);
  }
  const auto plan = plan_placement("contiguous", request).value();
  for (std::uint32_t e = 0; e < 8; ++e) {
    const auto copies = plan.replicas(0, ExpertId(e));
    EXPECT_NE(copies[0].rank.value() % 2, copies[1].rank.value() % 2) << "expert " << e;
  }
}

// Regions without a copy come before hosts, and there are as many copies as regions at least.
TEST(Planners, PutACopyInEveryRegionOnDemand) {
  for (const char* name : {"contiguous", "round-robin"}) {
    for (const std::size_t replicas : {1U, 2U, 3U}) {
      PlanRequest request{ranks_of({0, 1, 2, 3, 4}), 1, 12, replicas};
      request.every_region = true;
      for (const char* region : {"eu", "eu", "us", "eu", "us"}) {
        RankTraits traits;
        traits.region = region;
        traits.host = request.ranks.size() % 2 == 0 ? "a" : "b";
        request.ranks.push_back(traits);
      }
      const auto plan = plan_placement(name, request).value();
      const auto first = plan_placement(name, {ranks_of({0, 1, 2, 3, 4}), 1, 12, 1}).value();
      for (std::uint32_t e = 0; e < 12; ++e) {
        const auto copies = plan.replicas(0, ExpertId(e));
        EXPECT_EQ(copies.size(), std::max<std::size_t>(2, replicas));
        std::set<std::string> regions;
        for (const auto& copy : copies) regions.insert(request.ranks[copy.rank.index()].region);
        EXPECT_EQ(regions.size(), 2U) << name << " expert " << e;
        const auto stays = first.replicas(0, ExpertId(e))[0];
        EXPECT_TRUE(std::ranges::any_of(
            copies,
            [&](const auto& copy) { return copy.rank == stays.rank && copy.slot == stays.slot; }))
            << name << " expert " << e;
      }
    }
  }
}

// On one host, or each on its own, the plan is that of ranks without names.
TEST(Planners, HostsThatTellNothingChangeNothing) {
  for (const bool alone : {false, true}) {
    PlanRequest plain{ranks_of({0, 1, 2, 3, 4}), 1, 13, 3};
    PlanRequest named = plain;
    for (int r = 0; r < 5; ++r) {
      RankTraits traits;
      traits.host = alone ? std::to_string(r) : "here";
      named.ranks.push_back(traits);
    }
    const auto a = plan_placement("contiguous", plain).value();
    const auto b = plan_placement("contiguous", named).value();
    for (std::uint32_t r = 0; r < 5; ++r) EXPECT_EQ(held(a, r), held(b, r)) << "rank " << r;
  }
}

TEST(Planners, RefuseImpossibleRequests) {
  const auto message = [](std::string_view name, const PlanRequest& request) {
    const auto made = plan_placement(name, request);
    EXPECT_FALSE(made.has_value());
    return made ? "" : made.error().message;
  };
  EXPECT_THAT(message("best", {ranks_of({0}), 1, 1, 1}),
              HasSubstr("there are: contiguous, round-robin"));
  EXPECT_THAT(message("contiguous", {{}, 1, 1, 1}), HasSubstr("no expert ranks"));
  EXPECT_THAT(message("contiguous", {ranks_of({1, 1}), 1, 1, 1}), HasSubstr("twice"));
  EXPECT_THAT(message("contiguous", {ranks_of({0, 1}), 1, 4, 3}), HasSubstr("expected 1..2"));
  EXPECT_THAT(message("contiguous", {ranks_of({0, 1}), 1, 4, 0}), HasSubstr("expected 1..2"));
  EXPECT_THAT(message("contiguous", {ranks_of({0}), 0, 4, 1}), HasSubstr("0 layers"));
  EXPECT_THAT(message("contiguous", {ranks_of({0}), std::size_t{1} << 40, 1 << 20, 1}),
              HasSubstr("more than"));
}

TEST(Metrics, SplitLoadsOverCopies) {
  const auto plan = plan_placement("contiguous", {ranks_of({0, 1}), 1, 4, 1}).value();
  const std::vector<std::uint64_t> loads = {10, 20, 30, 0};
  const auto ranks = ranks_of({0, 1});
  EXPECT_THAT(rank_loads(plan, ranks, loads)[0], ElementsAre(30, 30));
  const auto both = plan_placement("contiguous", {ranks, 1, 4, 2}).value();
  EXPECT_THAT(rank_loads(both, ranks, loads)[0], ElementsAre(30, 30));
  const auto metrics = measure_placement(plan, ranks, loads);
  EXPECT_DOUBLE_EQ(metrics.max_over_mean, 1.0);
  EXPECT_EQ(metrics.activated_experts_max, 2U);
}

TEST(Metrics, SumTheLayersOneAfterTheOther) {
  const auto ranks = ranks_of({0, 1});
  const auto plan = plan_placement("contiguous", {ranks, 2, 2, 1}).value();
  const auto metrics = measure_placement(plan, ranks, std::vector<std::uint64_t>{30, 10, 10, 30});
  EXPECT_DOUBLE_EQ(metrics.layers[0].max_over_mean, 1.5);
  EXPECT_DOUBLE_EQ(metrics.max_over_mean, 1.5);
  EXPECT_NEAR(metrics.balancedness, 40.0 / 60.0, 1e-12);
}

TEST(Metrics, CountChurnAndDrift) {
  const auto ranks = ranks_of({0, 1});
  const auto a = plan_placement("contiguous", {ranks, 1, 4, 1}).value();
  const auto b = plan_placement("round-robin", {ranks, 1, 4, 1}).value();
  EXPECT_DOUBLE_EQ(plan_churn(a, a), 0.0);
  EXPECT_DOUBLE_EQ(plan_churn(a, b), 0.5);  // experts 1 and 2 change places
  const std::vector<std::uint64_t> before = {1, 1, 2};
  const std::vector<std::uint64_t> after = {4, 2, 2};
  EXPECT_DOUBLE_EQ(load_drift(before, after), 0.25);
  EXPECT_DOUBLE_EQ(load_drift(before, std::vector<std::uint64_t>{0, 0, 0}), 0.0);
}

}  // namespace
}  // namespace switchyard::placement
