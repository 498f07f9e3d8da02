// Another number of copies of each expert, by a client or by the autoscaler: in small views, one
// change at a time, taken back where it cannot be had.
#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "tests/unit/control/replicas_world.h"

namespace switchyard::control {
namespace {

using std::chrono::seconds;
using ::testing::Contains;
using ::testing::HasSubstr;

using World = ReplicasWorld;

TEST(ControllerReplicas, GrowAndShrinkInSmallViews) {
  World w;
  EXPECT_EQ(w.ask(Wish::kReplicas, 0).code, "invalid");
  EXPECT_EQ(w.ask(Wish::kReplicas, 4).code, "too_few_ranks");
  ASSERT_TRUE(w.ask(Wish::kReplicas, 2).accepted);
  EXPECT_EQ(w.ask(Wish::kReplicas, 3).code, "busy");
  EXPECT_EQ(w.ask(Wish::kScale, 2).code, "busy");
  EXPECT_GE(w.play_out(), 4U);  // 16 copies at least, 4 in a view
  EXPECT_EQ(w.copies(), std::pair(std::size_t{2}, std::size_t{2}));
  EXPECT_TRUE(w.bench.has_event("replicas_done"));
  EXPECT_EQ(w.status()["cluster"]["target_replicas"], 2);
  ASSERT_TRUE(w.ask(Wish::kReplicas, 1).accepted);
  w.play_out();
  EXPECT_EQ(w.copies(), std::pair(std::size_t{1}, std::size_t{1}));
  const Answer next = w.ask(Wish::kScale, 2);
  EXPECT_TRUE(next.accepted) << next.reason;
}

TEST(ControllerReplicas, AreRememberedByTheNextController) {
  World w;
  ASSERT_TRUE(w.ask(Wish::kReplicas, 2).accepted);
  w.play_out();
  w.bench.restart();
  EXPECT_EQ(w.status()["cluster"]["target_replicas"], 2);
}

// The second rank never loads: the change is begun again until its time is over, then undone.
TEST(ControllerReplicas, ThatCannotBeHadAreTakenBack) {
  ControllerOptions options = World::options();
  options.prepare_deadline = seconds(30);
  World w(options);
  ASSERT_TRUE(w.ask(Wish::kReplicas, 2).accepted);
  w.bench.pass(seconds(99));
  EXPECT_EQ(w.status()["cluster"]["target_replicas"], 2);
  w.bench.pass(seconds(2));
  EXPECT_TRUE(w.bench.has_event("replicas_taken_back"));
  EXPECT_EQ(w.status()["cluster"]["target_replicas"], 1);
  EXPECT_EQ(w.status()["transaction"], nullptr);
  EXPECT_TRUE(w.ask(Wish::kScale, 3).accepted);
}

// Fewer copies are on their way when a rank cannot load what the plan gives it: those that have
// gone come back, and another controller owes them as well.
TEST(ControllerReplicas, ThatHaveGoneComeBackWhenFewerAreTakenBack) {
  ControllerOptions options = World::options();
  options.replicas = 2;
  options.prepare_deadline = seconds(30);
  options.balancing.copies_per_view = 1;
  for (const bool restarts : {false, true}) {
    World w(options);
    ASSERT_EQ(w.copies(), std::pair(std::size_t{2}, std::size_t{2}));
    w.work(60);
    w.bench.pass(seconds(2));
    ASSERT_TRUE(w.ask(Wish::kReplicas, 1).accepted);
    ASSERT_TRUE(w.play_one_view());
    ASSERT_EQ(w.copies().first, 1U);  // some are gone, and there is more to load
    ASSERT_FALSE(w.bench.has_event("replicas_done"));
    w.bench.pass(seconds(101));
    ASSERT_TRUE(w.bench.has_event("replicas_taken_back"));
    EXPECT_EQ(w.status()["cluster"]["target_replicas"], 2);
    if (restarts) {
      w.come_back();
      w.work(60);
    }
    // Whoever could not load is asked again once it has rested.
    for (int i = 0; i < 200 && !w.bench.has_event("replicas_restored"); ++i) {
      w.bench.pass(seconds(5));
      w.play_out();
    }
    EXPECT_EQ(w.copies().first, 2U);
    EXPECT_TRUE(w.bench.has_event("replicas_restored"));
    EXPECT_LE(w.loads_most, 1U);
    const Answer next = w.ask(Wish::kScale, 2);
    EXPECT_TRUE(next.accepted) << next.reason;
  }
}

// Ranks that go leave no single copies behind: none is dropped before the view without them stands.
TEST(ControllerReplicas, StayWhereRanksThatWereToGoAreKept) {
  ControllerOptions options = World::options();
  options.replicas = 2;
  options.prepare_deadline = seconds(30);
  World w(options);
  ASSERT_TRUE(w.ask(Wish::kScale, 2).accepted);
  w.bench.pass(seconds(101));  // nobody loads
  EXPECT_TRUE(w.bench.has_event("wish_given_up"));
  EXPECT_EQ(w.status()["view"]["epoch"], 1);
  w.play_out();
  EXPECT_EQ(w.copies(), std::pair(std::size_t{2}, std::size_t{2}));
  EXPECT_EQ(w.status()["cluster"]["target_experts"], 3);
}

// A death ends the moves; the change goes on with who is left.
TEST(ControllerReplicas, GoOnAfterADeath) {
  World w;
  ASSERT_TRUE(w.ask(Wish::kReplicas, 2).accepted);
  w.bench.disconnect(w.agents[3]);
  w.play_out();
  EXPECT_TRUE(w.bench.has_event("replicas_done"));
  EXPECT_EQ(w.copies(), std::pair(std::size_t{2}, std::size_t{2}));
}

// Another rank takes the dead one's place meanwhile: what it lacks of the copies there were comes
// with that view, and the new ones a few at a time as before.
TEST(ControllerReplicas, ComeAFewAtATimeAlsoWhereASpareComes) {
  ControllerOptions options = World::options();
  options.ranks = 5;
  options.spares = 1;
  World w(options);
  ASSERT_TRUE(w.ask(Wish::kReplicas, 2).accepted);
  w.bench.disconnect(w.agents[3]);  // 2 of 8 experts in each layer
  w.play_out();
  EXPECT_TRUE(w.bench.has_event("replicas_done"));
  EXPECT_EQ(w.copies(), std::pair(std::size_t{2}, std::size_t{2}));
  EXPECT_LE(w.loads_most, 4U);

  options.replicas = 2;
  World other(options);
  ASSERT_TRUE(other.ask(Wish::kReplicas, 3).accepted);
  other.bench.disconnect(other.agents[3]);  // about a third of 32 copies, none of them the last
  other.play_out();
  EXPECT_EQ(other.copies(), std::pair(std::size_t{3}, std::size_t{3}));
  EXPECT_LE(other.loads_most, 12U);
}

ControllerOptions scaled_by_load() {
  ControllerOptions options = World::options();
  ScalingConfig& scaling = options.scaling;
  scaling.mode = ScalingMode::kActive;
  scaling.ranks = {1, 3};
  scaling.replicas = {1, 2};
  scaling.targets = {.busy_share = 0.5,  // as busy as they are: no ranks are asked for
                     .queue_delay_us_p95 = std::nullopt,
                     .memory_share = std::nullopt,
                     .load_max_over_mean = 1.5};
  scaling.interval = seconds(1);
  scaling.metrics_window = scaling.stabilisation_down = scaling.dwell_min = seconds(2);
  scaling.cooldown_up = scaling.cooldown_down = seconds(2);
  return options;
}

TEST(ControllerReplicas, FollowTheAutoscaler) {
  World w(scaled_by_load());
  w.work(60);  // expert 0 of each layer has nearly all the load: one rank is the slow one
  w.bench.pass(seconds(4));
  EXPECT_THAT(w.bench.texts, Contains(HasSubstr("set 2 replicas of each expert")));
  EXPECT_EQ(w.status()["parts"]["autoscaler"]["action_in_flight"], true);
  w.play_out();
  EXPECT_EQ(w.copies().first, 2U);
  w.work(1);
  w.bench.pass(seconds(2));
  EXPECT_EQ(w.status()["parts"]["autoscaler"]["action_in_flight"], false);
  EXPECT_EQ(w.status()["scaling"]["target_replicas"], 2);
  EXPECT_EQ(std::ranges::count(w.bench.events, "replicas_asked"), 1);
}

TEST(ControllerReplicas, AreNotChangedWhileRanksAre) {
  World w(scaled_by_load());
  ASSERT_TRUE(w.ask(Wish::kScale, 2).accepted);
  w.work(60);
  w.bench.pass(seconds(3));  // the scaling is not prepared
  const auto status = w.status();
  EXPECT_THAT(status["parts"]["autoscaler"]["last_reason"].get<std::string>(),
              HasSubstr("an action has been under way"));
  EXPECT_EQ(status["cluster"]["target_replicas"], 1);
}

}  // namespace
}  // namespace switchyard::control
