// Copies of every expert where regions need them: in the regions of a rule as many as are wanted,
// and one in each region where the operator says so; a death inside then costs no reload.
#include <gmock/gmock.h>

#include <map>
#include <nlohmann/json.hpp>

#include "runtime/placement/plan_file.h"
#include "tests/unit/control/controller_bench.h"

namespace switchyard::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::size_t kCopiesPerView = 3;

// Rank 0 routes in eu; 1 and 2 hold experts in eu, 3 and 4 in us; whoever comes then is a spare in
// ap. Every rank is on a host of its own.
struct World {
  static ControllerOptions options() {
    ControllerOptions out;
    out.ranks = 5;
    out.balancing.copies_per_view = kCopiesPerView;
    return out;
  }
  static ControllerOptions reaching() {
    ControllerOptions out = options();
    out.balancing.reach = CopiesReach::kEveryRegion;
    return out;
  }
  static std::string region_of(std::uint32_t rank) {
    return rank < 3 ? "eu" : rank < 5 ? "us" : "ap";
  }
  explicit World(const ControllerOptions& from) : bench(from) {
    for (std::uint32_t r = 0; r < from.ranks; ++r) {
      Register asks = ControllerBench::rank(r, r == 0  ? RankKind::kRouter
                                               : r < 5 ? RankKind::kExpert
                                                       : RankKind::kSpare);
      asks.region = region_of(r);
      asks.host = "host" + std::to_string(r);
      agents.push_back(bench.join(asks));
    }
    play(seconds(2));
  }
  // Ranks do what they are told, for so long.
  void play(Duration time) {
    for (const TimePoint end = bench.now + time; bench.now < end;) {
      for (const ConnectionId agent : agents) {
        if (bench.closed(agent)) continue;
        for (const Prepare& prepare : bench.heard<Prepare>(agent)) {
          bench.say(agent, Prepared{prepare.view->epoch, {}});
        }
        for (const Commit& commit : bench.heard<Commit>(agent)) {
          if (views.empty() || views.back()->epoch < commit.view->epoch) {
            views.push_back(commit.view);
          }
          bench.say(agent, Adopted{commit.view->epoch});
        }
      }
      bench.pass(milliseconds(250));
    }
  }
  // Of all experts, copies on expert ranks of the region: the fewest.
  static std::size_t fewest_in(const placement::View& view, const std::string& region) {
    std::size_t fewest = SIZE_MAX;
    for (std::size_t l = 0; l < kBenchLayers; ++l) {
      for (std::uint32_t e = 0; e < kBenchExperts; ++e) {
        const auto copies = view.placement.replicas(l, ExpertId(e));
        fewest = std::min(
            fewest, static_cast<std::size_t>(std::ranges::count_if(copies, [&](const auto& copy) {
              return region_of(copy.rank.value()) == region;
            })));
      }
    }
    return fewest;
  }
  std::size_t fewest_in(const std::string& region) const {
    return fewest_in(*views.back(), region);
  }
  // Copies that `next` has and the view before it had not.
  static std::size_t loads_of(const placement::View& before, const placement::View& next) {
    std::size_t loads = 0;
    for (std::size_t l = 0; l < kBenchLayers; ++l) {
      for (std::uint32_t e = 0; e < kBenchExperts; ++e) {
        const auto old = before.placement.replicas(l, ExpertId(e));
        for (const auto& copy : next.placement.replicas(l, ExpertId(e))) {
          loads += std::ranges::find(old, copy.rank, &placement::Replica::rank) == old.end();
        }
      }
    }
    return loads;
  }
  // The rank dies; the first view after it, and how many copies were loaded for that.
  std::pair<std::shared_ptr<const placement::View>, std::size_t> lose(std::size_t rank,
                                                                      Duration time) {
    const std::size_t first = views.size();
    bench.disconnect(agents[rank]);
    play(time);
    if (views.size() == first) return {};
    return {views[first], loads_of(*views[first - 1], *views[first])};
  }
  nlohmann::json status() {
    return nlohmann::json::parse(bench.controller().status_json(bench.now));
  }

  ControllerBench bench;
  std::vector<ConnectionId> agents;
  std::vector<std::shared_ptr<const placement::View>> views;
};

// Two copies are wanted: both ranks of eu hold everything, so that a rule of eu goes on with the
// other one.
TEST(ControllerRegions, ADeathInsideARuleGoesOnWithTheOtherCopy) {
  for (const char* planner : {"contiguous", "round-robin", "balanced"}) {
    ControllerOptions options = World::options();
    options.placement = planner;
    options.replicas = 2;
    options.residency = {{"eu/gdpr", {"eu"}}};
    World w(options);
    ASSERT_EQ(w.fewest_in("eu"), 2U) << planner;
    const auto [view, loads] = w.lose(2, seconds(1));
    ASSERT_TRUE(view) << planner;
    EXPECT_EQ(loads, 0U) << planner;
    EXPECT_EQ(World::fewest_in(*view, "eu"), 1U) << planner;
  }
}

TEST(ControllerRegions, EveryRegionHasEveryExpertFromTheStart) {
  for (const char* planner : {"contiguous", "round-robin", "balanced", "eplb"}) {
    for (const std::uint32_t replicas : {1U, 2U, 3U}) {
      ControllerOptions options = World::reaching();
      options.placement = planner;
      options.replicas = replicas;
      World w(options);
      EXPECT_GE(w.fewest_in("eu"), 1U) << planner << ' ' << replicas;
      EXPECT_GE(w.fewest_in("us"), 1U) << planner << ' ' << replicas;
      EXPECT_THAT(w.bench.events, Not(Contains("plan_failed"))) << planner;
      EXPECT_EQ(w.status()["view"]["experts_under_replicated"], 0);
    }
  }
}

// One copy in each region is what is asked for, and no more.
TEST(ControllerRegions, TakeNoMoreCopiesThanTheyNeed) {
  for (const char* planner : {"contiguous", "round-robin", "balanced"}) {
    ControllerOptions options = World::reaching();
    options.placement = planner;
    World w(options);
    for (std::size_t l = 0; l < kBenchLayers; ++l) {
      for (std::uint32_t e = 0; e < kBenchExperts; ++e) {
        EXPECT_EQ(w.views.back()->placement.replicas(l, ExpertId(e)).size(), 2U) << planner;
      }
    }
  }
  World plain(World::options());
  EXPECT_EQ(plain.fewest_in("us"), 0U);  // as without the setting
}

TEST(ControllerRegions, WhatADeathTookFromARegionComesBackAFewAtATime) {
  World w(World::reaching());
  const std::size_t before = w.views.size();
  const auto [view, loads] = w.lose(4, seconds(15));
  ASSERT_TRUE(view);
  EXPECT_EQ(loads, 0U);  // eu has a copy of everything: nobody waits
  EXPECT_THAT(w.bench.events, Contains("replicas_short"));
  EXPECT_EQ(w.fewest_in("us"), 1U);
  EXPECT_EQ(w.status()["view"]["experts_under_replicated"], 0);
  for (std::size_t i = before; i < w.views.size(); ++i) {
    EXPECT_LE(World::loads_of(*w.views[i - 1], *w.views[i]), kCopiesPerView);
  }
}

// Both ranks of us die; the spare that takes a place is in ap, which is a region like any other.
TEST(ControllerRegions, ARegionThatARankJoinsHasEveryExpert) {
  ControllerOptions options = World::reaching();
  options.ranks = 6;
  options.spares = 1;
  World w(options);
  EXPECT_EQ(w.fewest_in("ap"), 0U);
  w.bench.disconnect(w.agents[3]);
  w.bench.disconnect(w.agents[4]);
  w.play(seconds(15));
  EXPECT_EQ(w.fewest_in("eu"), 1U);
  EXPECT_EQ(w.fewest_in("ap"), 1U);
  EXPECT_EQ(w.status()["view"]["experts_under_replicated"], 0);
}

// A rebalance by load keeps to it, on the way as well.
TEST(ControllerRegions, ARebalanceKeepsEveryRegionWhole) {
  ControllerOptions options = World::reaching();
  options.balancing.window = seconds(6);
  World w(options);
  LoadReport report;
  report.seconds = 0.25;
  report.busy_share = 0.5;
  report.serve_seconds = 0.125;
  report.expert_pairs.resize(kBenchLayers * kBenchExperts);
  for (std::size_t i = 0; i < report.expert_pairs.size(); ++i) {
    report.expert_pairs[i] = i % kBenchExperts < 2 ? 40'000 : 1'000;
  }
  for (const std::size_t r : {1U, 3U}) w.bench.load(w.agents[r], report);
  w.play(seconds(4));
  const std::size_t before = w.views.size();
  const auto client = w.bench.connect(PeerKind::kClient);
  w.bench.say(client, Command{Wish::kRebalance, 0});
  w.play(seconds(15));
  ASSERT_GT(w.views.size(), before) << "nothing was moved";
  for (std::size_t i = before; i < w.views.size(); ++i) {
    EXPECT_GE(World::fewest_in(*w.views[i], "eu"), 1U) << "view " << i;
    EXPECT_GE(World::fewest_in(*w.views[i], "us"), 1U) << "view " << i;
  }
  EXPECT_THAT(w.bench.events, Not(Contains("plan_failed")));
}

// By host first, and then by zone: the zone a of eu is not that of us.
TEST(ControllerRegions, CopiesAreOnDifferentHostsThenInDifferentZones) {
  for (const bool by_host : {true, false}) {
    ControllerOptions options;
    options.ranks = 5;
    options.replicas = 2;
    ControllerBench bench(options);
    std::vector<ConnectionId> agents;
    std::map<RankId, std::string> spot;
    for (std::uint32_t r = 0; r < 5; ++r) {
      Register asks = ControllerBench::rank(r, r == 0 ? RankKind::kRouter : RankKind::kExpert);
      // Ranks 1 and 3 are together, 2 and 4 are: two places further is the wrong place.
      asks.host = by_host ? (r % 2 == 0 ? "x" : "y") : "host" + std::to_string(r);
      asks.region = by_host ? "" : r % 2 == 0 ? "eu" : "us";
      asks.zone = by_host ? "" : "a";
      spot[asks.rank] = by_host ? asks.host : asks.region;
      agents.push_back(bench.join(asks));
    }
    std::shared_ptr<const placement::View> view;
    bench.pass(milliseconds(250));
    for (const ConnectionId agent : agents) {
      for (const Prepare& prepare : bench.heard<Prepare>(agent)) view = prepare.view;
    }
    ASSERT_TRUE(view);
    for (std::uint32_t e = 0; e < kBenchExperts; ++e) {
      const auto copies = view->placement.replicas(0, ExpertId(e));
      ASSERT_EQ(copies.size(), 2U);
      EXPECT_NE(spot[copies[0].rank], spot[copies[1].rank]) << "expert " << e;
    }
  }
}

TEST(ControllerRegions, AClientsPlanThatLacksARegionIsRefused) {
  World w(World::reaching());
  const auto client = w.bench.connect(PeerKind::kClient);
  placement::PlanFile plan;
  plan.planner = "by hand";
  plan.ranks.ranks = {RankId(1), RankId(2)};
  plan.ranks.traits.resize(2);
  std::vector<std::vector<placement::Replica>> copies;
  for (std::uint32_t i = 0; i < kBenchLayers * kBenchExperts; ++i) {
    copies.push_back({{RankId(1 + i % 2), SlotId(i % kBenchExperts / 2)}});
  }
  plan.placement =
      placement::Placement::create(kBenchLayers, kBenchExperts, std::move(copies)).value();
  w.bench.say(client, Place{placement::plan_to_json(plan)});
  const auto answers = w.bench.heard<Answer>(client);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_FALSE(answers[0].accepted);
  EXPECT_THAT(answers[0].reason, HasSubstr("a region would lack an expert"));
}

}  // namespace
}  // namespace switchyard::control
