// Room for every region over random clusters: a plan by load finds its way into it, and into what
// is left of it after a death.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "runtime/base/random.h"
#include "runtime/control/region_slots.h"
#include "runtime/placement/planner_table.h"

namespace switchyard::control {
namespace {

using placement::PlanRequest;
using placement::RankTraits;

constexpr std::size_t kTrials = 300;

void give_slots(PlanRequest& request) {
  std::vector<std::string> regions;
  for (const RankTraits& rank : request.ranks) regions.push_back(rank.region);
  request.replicas = std::min(request.replicas, regions.size());
  const auto slots = region_slots(regions, request.experts, request.replicas);
  for (std::size_t r = 0; r < slots.size(); ++r) request.ranks[r].slots = slots[r];
}

PlanRequest random_cluster(Random& random) {
  PlanRequest request;
  request.layers = 2;
  request.experts = 1 + random.next_below(24);
  request.replicas = 1 + random.next_below(3);
  request.every_region = true;
  const std::size_t regions = 1 + random.next_below(3);
  const std::size_t ranks = 2 + random.next_below(8);
  for (std::uint32_t r = 0; r < ranks; ++r) {
    request.expert_ranks.emplace_back(r);
    RankTraits traits;
    traits.region = fmt::format("region{}", random.next_below(regions));
    traits.host = fmt::format("host{}", random.next_below(ranks));
    request.ranks.push_back(std::move(traits));
  }
  for (std::size_t i = 0; i < request.layers * request.experts; ++i) {
    request.loads.push_back(random.next_below(1000));
  }
  give_slots(request);
  return request;
}

void expect_whole(const PlanRequest& request, const placement::Placement& plan,
                  const std::string& where) {
  std::set<std::string> all;
  for (const RankTraits& rank : request.ranks) all.insert(rank.region);
  for (std::size_t l = 0; l < request.layers; ++l) {
    for (std::uint32_t e = 0; e < request.experts; ++e) {
      std::set<std::string> reached;
      for (const auto& copy : plan.replicas(l, ExpertId(e))) {
        const auto at = std::ranges::find(request.expert_ranks, copy.rank);
        reached.insert(
            request.ranks[static_cast<std::size_t>(at - request.expert_ranks.begin())].region);
      }
      ASSERT_EQ(reached, all) << where << " layer " << l << " expert " << e;
    }
  }
}

TEST(RegionSlotsLaws, PlansByLoadFit) {
  for (std::uint64_t seed = 1; seed <= kTrials; ++seed) {
    Random random(seed);
    PlanRequest request = random_cluster(random);
    const auto plan = placement::plan_placement("balanced", request);
    ASSERT_TRUE(plan) << "seed " << seed << ": " << plan.error().message;
    expect_whole(request, *plan, fmt::format("seed {}", seed));
    // A rank dies; the others get the room that they need without it.
    const auto gone = static_cast<std::ptrdiff_t>(random.next_below(request.expert_ranks.size()));
    request.expert_ranks.erase(request.expert_ranks.begin() + gone);
    request.ranks.erase(request.ranks.begin() + gone);
    give_slots(request);
    request.previous = *plan;
    const auto after = placement::plan_placement("balanced", request);
    ASSERT_TRUE(after) << "seed " << seed << ", after a death: " << after.error().message;
    expect_whole(request, *after, fmt::format("seed {}, after a death", seed));
  }
}

TEST(RegionSlotsLaws, AreNoMoreThanTheCopiesNeed) {
  for (std::uint64_t seed = 1; seed <= kTrials; ++seed) {
    Random random(seed);
    const PlanRequest request = random_cluster(random);
    std::vector<std::string> regions;
    for (const RankTraits& rank : request.ranks) regions.push_back(rank.region);
    const std::set<std::string> names(regions.begin(), regions.end());
    const auto slots = region_slots(regions, request.experts, request.replicas);
    const std::size_t all = std::accumulate(slots.begin(), slots.end(), std::size_t{0});
    const std::size_t wanted = request.experts * std::max(request.replicas, names.size());
    EXPECT_GE(all, wanted) << "seed " << seed;
    // Each rank rounds up once.
    EXPECT_LT(all, wanted + regions.size()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace switchyard::control
