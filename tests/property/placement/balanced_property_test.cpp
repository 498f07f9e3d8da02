// Laws of the planner `balanced` over random ranks and loads; each run prints its seed on failure.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "runtime/placement/metrics.h"
#include "runtime/placement/planner_table.h"
#include "tests/property/placement/random_request.h"

namespace switchyard::placement {
namespace {

constexpr std::uint64_t kTrials = 250;

template <class Check>
void for_each_request(Check&& check) {
  for (std::uint64_t seed = 1; seed <= kTrials; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Random random(seed);
    check(random_request(random), random);
    if (::testing::Test::HasFailure()) return;
  }
}

const RankTraits& traits_of(const PlanRequest& request, RankId rank) {
  const auto at = std::ranges::find(request.expert_ranks, rank) - request.expert_ranks.begin();
  return request.ranks.at(static_cast<std::size_t>(at));
}

// Distinct hosts (zones, regions) of an expert's copies.
std::size_t reached(const PlanRequest& request, std::span<const Replica> copies,
                    std::string RankTraits::*domain) {
  std::set<std::string> names;
  for (const Replica& copy : copies) names.insert(traits_of(request, copy.rank).*domain);
  return names.size();
}

std::size_t living(const PlanRequest& request, std::string RankTraits::*domain) {
  std::set<std::string> names;
  for (const RankTraits& rank : request.ranks) {
    if (rank.alive) names.insert(rank.*domain);
  }
  return names.size();
}

// The largest load / speed of each layer, summed; for kTokens.
double cost_of(const PlanRequest& request, const Placement& plan) {
  double sum = 0;
  for (const auto& loads : rank_loads(plan, request.expert_ranks, request.loads)) {
    double slowest = 0;
    for (std::size_t r = 0; r < loads.size(); ++r) {
      slowest = std::max(slowest, loads[r] / request.ranks[r].speed);
    }
    sum += slowest;
  }
  return sum;
}

std::size_t moved_copies(const Placement& before, const Placement& after) {
  std::size_t copies = 0;
  for (std::size_t l = 0; l < after.layers(); ++l) {
    for (std::uint32_t e = 0; e < after.experts(); ++e) {
      copies += after.replicas(l, ExpertId(e)).size();
    }
  }
  return static_cast<std::size_t>(
      std::lround(plan_churn(before, after) * static_cast<double>(copies)));
}

bool same(const Placement& a, const Placement& b) {
  for (std::size_t l = 0; l < a.layers(); ++l) {
    for (std::uint32_t e = 0; e < a.experts(); ++e) {
      const auto left = a.replicas(l, ExpertId(e));
      const auto right = b.replicas(l, ExpertId(e));
      if (!std::ranges::equal(left, right, [](const Replica& x, const Replica& y) {
            return x.rank == y.rank && x.slot == y.slot;
          })) {
        return false;
      }
    }
  }
  return true;
}

void expect_lawful(const PlanRequest& request, const Placement& plan) {
  const std::size_t regions = living(request, &RankTraits::region);
  for (std::size_t l = 0; l < request.layers; ++l) {
    std::vector<std::set<std::uint32_t>> slots(64);
    for (std::uint32_t e = 0; e < request.experts; ++e) {
      const auto copies = plan.replicas(l, ExpertId(e));
      ASSERT_GE(copies.size(), request.replicas);
      for (const Replica& copy : copies) {
        ASSERT_TRUE(traits_of(request, copy.rank).alive);
        ASSERT_LT(copy.slot.value(), traits_of(request, copy.rank).slots);
        ASSERT_TRUE(slots[copy.rank.index()].insert(copy.slot.value()).second);
      }
      if (request.every_region) {
        ASSERT_EQ(reached(request, copies, &RankTraits::region), regions);
      }
    }
  }
}

TEST(BalancedLaws, CopiesSlotsRegionsAndTheDead) {
  std::size_t planned = 0;
  std::size_t refused = 0;
  for_each_request([&](PlanRequest request, Random&) {
    const auto plan = plan_placement("balanced", request);
    if (plan) {
      ++planned;
      expect_lawful(request, *plan);
      return;
    }
    ++refused;
    ASSERT_EQ(plan.error().code, ErrorCode::kConfig);
    if (request.every_region) return;
    // Refused only where copies on distinct ranks have no room.
    std::size_t ranks = 0;
    std::size_t room = 0;
    for (const RankTraits& rank : request.ranks) {
      ranks += rank.alive;
      room += rank.alive ? std::min(rank.slots, request.experts) : 0;
    }
    ASSERT_TRUE(ranks < request.replicas || room < request.experts * request.replicas)
        << plan.error().message;
  });
  EXPECT_GT(planned, kTrials / 4);
  EXPECT_GT(refused, kTrials / 20);
}

TEST(BalancedLaws, CopiesAreFarApartWhereSlotsAllow) {
  for_each_request([](PlanRequest request, Random& random) {
    for (RankTraits& rank : request.ranks) rank.slots = request.experts;  // room for anything
    std::size_t alive = 0;
    for (const RankTraits& rank : request.ranks) alive += rank.alive;
    request.replicas = std::min<std::size_t>(1 + random.next_below(3), alive);
    const auto plan = plan_placement("balanced", request).value();
    for (const auto domain : {&RankTraits::host, &RankTraits::zone}) {
      const std::size_t wanted = std::min(request.replicas, living(request, domain));
      for (std::size_t l = 0; l < request.layers; ++l) {
        for (std::uint32_t e = 0; e < request.experts; ++e) {
          ASSERT_GE(reached(request, plan.replicas(l, ExpertId(e)), domain), wanted);
        }
      }
    }
  });
}

TEST(BalancedLaws, TwoCopiesAreOnTwoHostsWhenEverySlotIsNeeded) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    auto request = even_request({8, 16}, 2, 64);  // 128 slots for 2 x 64 copies
    request.loads = DriftingLoads(2, 64, seed).window(20'000);
    request.replicas = 2;
    request.ranks.resize(8);
    for (std::size_t r = 0; r < 8; ++r) request.ranks[r].host = fmt::format("host{}", r / 2);
    const auto plan = plan_placement("balanced", request).value();
    for (std::size_t l = 0; l < 2; ++l) {
      for (std::uint32_t e = 0; e < 64; ++e) {
        ASSERT_EQ(reached(request, plan.replicas(l, ExpertId(e)), &RankTraits::host), 2U);
      }
    }
  }
}

TEST(BalancedLaws, TheOrderOfRanksDoesNotMatter) {
  for_each_request([](PlanRequest request, Random& random) {
    const auto plan = plan_placement("balanced", request);
    if (!plan) return;
    ASSERT_TRUE(same(*plan, plan_placement("balanced", request).value()));
    for (std::size_t i = request.expert_ranks.size(); i > 1; --i) {
      const std::size_t j = random.next_below(i);
      std::swap(request.expert_ranks[i - 1], request.expert_ranks[j]);
      std::swap(request.ranks[i - 1], request.ranks[j]);
    }
    ASSERT_TRUE(same(*plan, plan_placement("balanced", request).value()));
  });
}

TEST(BalancedLaws, NewNamesOfRanksGiveTheSamePlan) {
  for_each_request([](PlanRequest request, Random&) {
    const auto plan = plan_placement("balanced", request);
    if (!plan) return;
    for (RankId& rank : request.expert_ranks) rank = RankId(100 + 7 * rank.value());
    const auto renamed = plan_placement("balanced", request).value();
    for (std::size_t l = 0; l < request.layers; ++l) {
      for (std::uint32_t e = 0; e < request.experts; ++e) {
        const auto copies = plan->replicas(l, ExpertId(e));
        const auto others = renamed.replicas(l, ExpertId(e));
        ASSERT_EQ(copies.size(), others.size());
        for (std::size_t i = 0; i < copies.size(); ++i) {
          ASSERT_EQ(others[i].rank.value(), 100 + 7 * copies[i].rank.value());
        }
      }
    }
  });
}

TEST(BalancedLaws, MovesPayAndStayWithinTheirLimit) {
  std::size_t compared = 0;
  for_each_request([&](PlanRequest request, Random& random) {
    request.objective = Objective::kTokens;
    const auto before = plan_placement("balanced", request);
    if (!before) return;
    ++compared;
    request.previous = *before;
    request.loads = DriftingLoads(request.layers, request.experts, random.next()).window(2000);
    request.moves.cost = 20 * random.next_unit();
    request.moves.most = random.next_below(12);
    const auto after = plan_placement("balanced", request).value();
    expect_lawful(request, after);
    const auto moved = moved_copies(*before, after);
    ASSERT_LE(moved, request.moves.most);
    const double saved = cost_of(request, *before) - cost_of(request, after);
    ASSERT_GE(saved + 1e-6, request.moves.cost * static_cast<double>(moved));
    request.moves = {.cost = 1e9, .most = SIZE_MAX};
    ASSERT_EQ(moved_copies(*before, plan_placement("balanced", request).value()), 0U);
    request.moves = {.cost = 0, .most = SIZE_MAX};
    const auto free = plan_placement("balanced", request).value();
    ASSERT_LE(cost_of(request, free), cost_of(request, after) + 1e-6);
  });
  EXPECT_GT(compared, kTrials / 4);
}

TEST(BalancedLaws, ADeadRanksCopiesAreReplacedWhateverMovesCost) {
  std::size_t repaired = 0;
  for_each_request([&](PlanRequest request, Random&) {
    const auto before = plan_placement("balanced", request);
    if (!before) return;
    request.previous = *before;
    request.moves = {.cost = 1e9, .most = 0};
    request.ranks[0].alive = false;
    const auto after = plan_placement("balanced", request);
    if (!after) return;
    ++repaired;
    expect_lawful(request, *after);
    ASSERT_TRUE(after->experts_of(0, request.expert_ranks[0]).empty());
  });
  EXPECT_GT(repaired, kTrials / 20);
}

}  // namespace
}  // namespace switchyard::placement
