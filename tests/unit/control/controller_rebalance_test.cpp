// Rebalancing by load, with hand-played agents that report what they served.
#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime/control/codec.h"
#include "runtime/control/journal_record.h"
#include "tests/unit/control/rebalance_world.h"

namespace switchyard::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

using World = RebalanceWorld;
constexpr std::size_t kLayers = kBenchLayers;
constexpr std::size_t kExperts = kBenchExperts;

// The share of the load that the busier of ranks 1 and 2 has in a layer.
double busier_share(const placement::View& view, std::size_t layer) {
  double load[2] = {0, 0};
  for (std::uint32_t e = 0; e < kExperts; ++e) {
    const auto copies = view.placement.replicas(layer, ExpertId(e));
    for (const auto& copy : copies) {
      load[copy.rank.value() - 1] += (e < 2 ? 40.0 : 1.0) / static_cast<double>(copies.size());
    }
  }
  return std::max(load[0], load[1]) / (load[0] + load[1]);
}

TEST(ControllerRebalance, MovesByTheLoadsOfLateInSmallViews) {
  World w(World::options());
  w.work(3);
  EXPECT_EQ(w.ask(Wish::kRebalance), "ok");
  EXPECT_EQ(w.ask(Wish::kScale, 3), "busy");
  const auto views = w.play_out();
  // Two layers; in each a hot expert changes places with a cold one: 4 copies, 2 in a view.
  ASSERT_EQ(views.size(), 2U);
  EXPECT_EQ(views[0].epoch.next(), views[1].epoch);
  for (std::size_t l = 0; l < kLayers; ++l) {
    EXPECT_NEAR(busier_share(views.back(), l), 0.5, 1e-9);
  }
  EXPECT_THAT(w.bench.texts, Contains(HasSubstr("4 copies loaded in 2 views")));
  EXPECT_THAT(w.bench.events, Contains("rebalance_done"));
  const auto balancer = w.balancer();
  EXPECT_NEAR(balancer["imbalance"], 1.907, 1e-3);
  EXPECT_NEAR(balancer["imbalance_planned"], 1.0, 1e-9);
  EXPECT_EQ(w.ask(Wish::kScale, 3), "ok");
}

TEST(ControllerRebalance, TheNextBatchWaitsUntilTheOldCopiesAreGone) {
  World w(World::options());
  w.work(3);
  w.ask(Wish::kRebalance);
  std::vector<ConnectionId> holders;
  for (const std::size_t r : {1, 2}) {
    for (const Prepare& prepare : w.bench.heard<Prepare>(w.agents[r])) {
      w.bench.say(w.agents[r], Prepared{prepare.view->epoch, {}});
      holders.push_back(w.agents[r]);
    }
  }
  ASSERT_FALSE(holders.empty());
  w.bench.pass(seconds(1));
  EXPECT_EQ(w.status()["view"]["epoch"], 2);
  EXPECT_EQ(w.status()["transaction"], nullptr);  // rank 0 has not adopted epoch 2
  EXPECT_THAT(w.bench.texts, Not(Contains(HasSubstr("epoch 3"))));
  EXPECT_EQ(w.ask(Wish::kRebalance), "busy");
  w.bench.say(w.agents[0], Adopted{Epoch(2)});
  w.bench.pass(milliseconds(100));
  EXPECT_EQ(w.status()["transaction"]["epoch"], 3);
}

TEST(ControllerRebalance, SaysThatThereIsNothingBetter) {
  World w(World::options());
  w.work(3);
  w.ask(Wish::kRebalance);
  w.play_out();
  w.work(3);
  EXPECT_EQ(w.ask(Wish::kRebalance), "ok");
  EXPECT_TRUE(w.play_out().empty());
  EXPECT_THAT(w.bench.events, Contains("rebalance_unneeded"));
}

TEST(ControllerRebalance, MovesWhenAskedWhatItWouldNotPayToMove) {
  ControllerOptions options = World::options(BalancingMode::kActive);
  options.balancing.load_bytes_per_second = 1;  // loading takes for ever
  World w(options);
  w.work(5);
  EXPECT_EQ(w.balancer()["last_reason"], "the plan moves nothing");
  EXPECT_EQ(w.ask(Wish::kRebalance), "ok");
  const auto views = w.play_out();
  ASSERT_FALSE(views.empty());
  for (std::size_t l = 0; l < kLayers; ++l) {
    EXPECT_NEAR(busier_share(views.back(), l), 0.5, 1e-9);
  }
}

// A copy takes 25 s to load and saves 100 s or so over the horizon. What it saves of the first
// seconds' pairs is less than it would be of a whole window's, and so is what it costs.
TEST(ControllerRebalance, WeighsMovesBeforeTheWindowIsFullAsAfterwards) {
  ControllerOptions options = World::options(BalancingMode::kActive);
  options.balancing.window = seconds(60);
  options.balancing.load_bytes_per_second = static_cast<double>(kBenchExpertBytes) / 25;
  World w(options);
  w.work(3);
  EXPECT_EQ(w.count("rebalance_begun"), 1U) << w.balancer();
}

TEST(ControllerRebalance, PlansForActivatedExpertsWhereTheOperatorSaysSo) {
  ControllerOptions options = World::options();
  options.balancing.objective = placement::Objective::kActivated;
  options.balancing.step_tokens = 4;
  World w(options);
  LoadReport router;
  router.seconds = 1;
  router.tokens = 100'000;
  w.bench.load(w.agents[0], router);
  w.work(3);
  ASSERT_EQ(w.ask(Wish::kRebalance), "ok");
  const auto views = w.play_out();
  EXPECT_THAT(w.bench.events, Not(Contains("plan_failed")));
  ASSERT_FALSE(views.empty());
  // A step of four tokens reads the two hot experts nearly always and the others now and then: they
  // go to different ranks.
  for (std::size_t l = 0; l < kLayers; ++l) {
    EXPECT_NE(views.back().placement.replicas(l, ExpertId(0)).front().rank,
              views.back().placement.replicas(l, ExpertId(1)).front().rank)
        << "layer " << l;
  }
}

TEST(ControllerRebalance, ActiveMovesByItselfAndThenCoolsDown) {
  World w(World::options(BalancingMode::kActive));
  w.work(3);
  EXPECT_EQ(w.count("rebalance_begun"), 1U);
  EXPECT_EQ(w.play_out().size(), 2U);
  EXPECT_EQ(w.count("rebalance_done"), 1U);
  w.work(10);
  EXPECT_EQ(w.count("rebalance_begun"), 1U);
  EXPECT_EQ(w.play_out().size(), 0U);
  w.work(15);  // the cool-down is over; what is there is even
  EXPECT_EQ(w.count("rebalance_begun"), 1U);
  EXPECT_LT(w.balancer()["last_run_age_s"].get<double>(), 2.1);
  EXPECT_EQ(w.balancer()["last_reason"], "even enough");
  EXPECT_NEAR(w.balancer()["imbalance"], 1.0, 1e-9);
}

TEST(ControllerRebalance, AdvisorySaysSoAndMovesNothing) {
  World w(World::options(BalancingMode::kAdvisory));
  w.work(5);
  EXPECT_THAT(w.bench.texts, Contains(HasSubstr("worth it: imbalance 1.907 -> 1.000")));
  EXPECT_GE(w.count("rebalance_advice"), 1U);
  EXPECT_TRUE(w.play_out().empty());
  EXPECT_EQ(w.status()["view"]["epoch"], 1);
}

TEST(ControllerRebalance, OffDecidesNothingByItself) {
  World w(World::options());
  w.work(5);
  EXPECT_EQ(w.balancer()["mode"], "off");
  EXPECT_EQ(w.balancer()["last_run_age_s"], nullptr);
}

TEST(ControllerRebalance, ADeathComesFirstAndEndsTheMoves) {
  World w(World::options());
  w.work(3);
  w.ask(Wish::kRebalance);
  w.bench.disconnect(w.agents[2]);
  const auto views = w.play_out();
  ASSERT_FALSE(views.empty());
  EXPECT_THAT(w.bench.texts, Contains(HasSubstr("the view has changed meanwhile")));
  EXPECT_EQ(w.ask(Wish::kScale, 2), "ok");
}

TEST(ControllerRebalance, ABatchThatIsNotPreparedEndsTheMoves) {
  World w(World::options());
  w.work(3);
  w.ask(Wish::kRebalance);
  w.bench.pass(seconds(61));
  EXPECT_THAT(w.bench.texts, Contains(HasSubstr("a batch was not prepared")));
  EXPECT_EQ(w.status()["view"]["epoch"], 1);
  EXPECT_EQ(w.ask(Wish::kScale, 2), "ok");
}

TEST(ControllerRebalance, AControllerThatComesBackKeepsWhatHasMoved) {
  World w(World::options());
  w.work(3);
  w.ask(Wish::kRebalance);
  w.play_out();
  const auto before = w.status()["view"];
  w.bench.restart();
  EXPECT_EQ(w.status()["view"], before);
  EXPECT_EQ(w.balancer()["copies_moving"], 0);
}

// What was accepted does not vanish with the controller: the next one says that it is not done.
TEST(ControllerRebalance, ARestartAbandonsWhatIsUnderWayAndSaysSo) {
  World w(World::options());
  w.work(3);
  ASSERT_EQ(w.ask(Wish::kRebalance), "ok");
  w.bench.pass(milliseconds(100));
  EXPECT_EQ(w.balancer()["last_move"]["state"], "under_way");
  w.bench.restart();
  EXPECT_EQ(w.balancer()["last_move"]["state"], "abandoned");
  EXPECT_EQ(w.balancer()["last_move"]["for"], "load");
  EXPECT_THAT(w.balancer()["last_move"]["text"].get<std::string>(),
              HasSubstr("before it was done (asked for by a client)"));
  w.bench.pass(milliseconds(100));
  EXPECT_EQ(w.count("rebalance_abandoned"), 1U);
  // Once: the next controller knows of the end.
  w.bench.restart();
  w.bench.pass(milliseconds(100));
  EXPECT_EQ(w.count("rebalance_abandoned"), 1U);
  EXPECT_EQ(w.balancer()["last_move"]["state"], "abandoned");
}

TEST(ControllerRebalance, ARestartKnowsHowTheLastMoveEnded) {
  World w(World::options());
  w.work(3);
  ASSERT_EQ(w.ask(Wish::kRebalance), "ok");
  w.play_out();
  const auto ended = w.balancer()["last_move"];
  EXPECT_EQ(ended["state"], "done");
  w.bench.restart();
  EXPECT_EQ(w.balancer()["last_move"], ended);
  w.bench.pass(milliseconds(100));
  EXPECT_EQ(w.count("rebalance_abandoned"), 0U);
}

// Ranks that come are given what takes load off the others.
TEST(ControllerRebalance, ScalingUpPlacesByLoadWhereTheOperatorDoes) {
  ControllerOptions options = World::options();
  options.placement = "balanced";
  World w(options);
  w.work(3);
  EXPECT_EQ(w.ask(Wish::kScale, 3), "ok");
  const auto views = w.play_out();
  ASSERT_EQ(views.size(), 1U);
  for (std::size_t l = 0; l < kLayers; ++l) {
    std::set<RankId> hot;
    for (const std::uint32_t e : {0U, 1U}) {
      hot.insert(views[0].placement.replicas(l, ExpertId(e)).front().rank);
    }
    EXPECT_EQ(hot.size(), 2U) << "layer " << l << ": both hot experts on one rank";
  }
}

// After a death the lost experts go to the rank that does least, the hot ones first.
TEST(ControllerRebalance, RecoveryPlacesByLoad) {
  ControllerOptions options = World::options();
  options.ranks = 5;
  World w(options);
  w.agents.push_back(w.bench.join(4, RankKind::kSpare));
  w.bench.play_along(w.agents);
  w.work(3);
  ASSERT_EQ(w.ask(Wish::kScale, 3), "ok");
  w.play_out();
  w.work(3);
  // Rank 1 dies: its experts go to ranks 2 and 3 (and the spare that takes its place).
  w.bench.disconnect(w.agents[1]);
  const auto views = w.play_out();
  ASSERT_FALSE(views.empty());
  for (std::size_t l = 0; l < kLayers; ++l) {
    const auto first = views.back().placement.replicas(l, ExpertId(0)).front().rank;
    const auto second = views.back().placement.replicas(l, ExpertId(1)).front().rank;
    EXPECT_NE(first, second) << "layer " << l;
  }
}

}  // namespace
}  // namespace switchyard::control
