// Laws of placement over random requests; each run prints its seed on failure.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "runtime/base/random.h"
#include "runtime/placement/metrics.h"
#include "runtime/placement/planner_table.h"
#include "runtime/placement/replica_choice.h"

namespace switchyard::placement {
namespace {

struct Trial {
  explicit Trial(std::uint64_t seed) : random(seed) {
    const std::size_t ranks = 1 + random.next_below(9);
    for (std::uint32_t r = 0; request.expert_ranks.size() < ranks; ++r) {
      if (random.next_below(3) > 0) request.expert_ranks.emplace_back(r);
    }
    request.layers = 1 + random.next_below(3);
    request.experts = 1 + random.next_below(40);
    request.replicas = 1 + random.next_below(ranks);
  }
  // Members: all ranks up to the last expert rank, three to a host.
  [[nodiscard]] View view(std::string_view planner) const {
    View out;
    for (std::uint32_t r = 0; r <= request.expert_ranks.back().value(); ++r) {
      out.members.push_back({RankId(r), true, true, fmt::format("host{}", r / 3), "", ""});
    }
    out.placement = plan_placement(planner, request).value();
    return out;
  }

  Random random;
  PlanRequest request;
};

template <class Check>
void for_each_trial(Check&& check) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    for (const PlannerEntry& planner : planner_table()) {
      Trial trial(seed);
      check(trial, planner.name);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

TEST(PlacementLaws, EveryExpertHasItsCopiesAndSlotsAreDense) {
  for_each_trial([](const Trial& trial, std::string_view planner) {
    // EPLB has two copies on one rank as one; both fill spare slots.
    const bool by_load = planner == "eplb" || planner == "balanced";
    const auto plan = plan_placement(planner, trial.request).value();
    for (std::size_t l = 0; l < trial.request.layers; ++l) {
      std::size_t copies = 0;
      std::size_t fewest = SIZE_MAX;
      std::size_t most = 0;
      for (const RankId rank : trial.request.expert_ranks) {
        const auto held = plan.experts_of(l, rank);
        copies += held.size();
        fewest = std::min(fewest, held.size());
        most = std::max(most, held.size());
        std::set<std::uint32_t> slots;
        for (const ExpertId e : held) {
          for (const Replica& copy : plan.replicas(l, e)) {
            if (copy.rank == rank) slots.insert(copy.slot.value());
          }
        }
        ASSERT_EQ(slots.size(), held.size());
        if (!slots.empty()) {
          ASSERT_EQ(*slots.rbegin() + 1, held.size());
        }
      }
      if (by_load) continue;
      ASSERT_EQ(copies, trial.request.experts * trial.request.replicas);
      ASSERT_LE(most - fewest, trial.request.replicas);
      for (std::uint32_t e = 0; e < trial.request.experts; ++e) {
        ASSERT_EQ(plan.replicas(l, ExpertId(e)).size(), trial.request.replicas);
      }
    }
  });
}

TEST(PlacementLaws, ChoicesAreCopiesAndLocalFirstStaysNear) {
  for_each_trial([](Trial& trial, std::string_view planner) {
    const View view = trial.view(planner);
    const RankId source(static_cast<std::uint32_t>(trial.random.next_below(view.members.size())));
    const auto host = [&](RankId rank) { return view.members[rank.index()].host; };
    for (const char* name : {"local-first", "nearest", "round-robin", "weighted"}) {
      const auto choice = make_replica_choice(name, view, source).value();
      for (std::uint32_t i = 0; i < 60; ++i) {
        const ReplicaQuery query{
            trial.random.next_below(trial.request.layers),
            ExpertId(static_cast<std::uint32_t>(trial.random.next_below(trial.request.experts))),
            trial.random.next(), i % 8};
        const auto copies = view.placement.replicas(query.layer, query.expert);
        const std::size_t at = choice->choose(copies, query);
        ASSERT_LT(at, copies.size()) << name;
        const bool near =
            std::string_view(name) == "local-first" || std::string_view(name) == "nearest";
        if (!near) continue;
        const auto any = [&](auto&& test) {
          return std::any_of(copies.begin(), copies.end(), test);
        };
        if (any([&](const Replica& c) { return c.rank == source; })) {
          ASSERT_EQ(copies[at].rank, source);
        } else if (any([&](const Replica& c) { return host(c.rank) == host(source); })) {
          ASSERT_EQ(host(copies[at].rank), host(source));
        }
      }
    }
  });
}

TEST(PlacementLaws, RankLoadsConserveExpertLoads) {
  for_each_trial([](Trial& trial, std::string_view planner) {
    const auto plan = plan_placement(planner, trial.request).value();
    std::vector<std::uint64_t> loads;
    double sum = 0;
    for (std::size_t i = 0; i < trial.request.layers * trial.request.experts; ++i) {
      loads.push_back(trial.random.next_below(1000));
      sum += static_cast<double>(loads.back());
    }
    double on_ranks = 0;
    for (const auto& layer : rank_loads(plan, trial.request.expert_ranks, loads)) {
      for (const double load : layer) on_ranks += load;
    }
    ASSERT_NEAR(on_ranks, sum, 1e-6 * (sum + 1));
  });
}

}  // namespace
}  // namespace switchyard::placement
