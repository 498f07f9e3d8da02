// Another number of copies of each expert, by a client or by the autoscaler: in small views, one
// change at a time, taken back where it cannot be had.
#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "runtime/placement/plan_file.h"
#include "tests/unit/control/controller_bench.h"

namespace switchyard::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::HasSubstr;

constexpr std::size_t kLayers = 2;
constexpr std::size_t kExperts = 8;

// Rank 0 routes, 1, 2 and 3 hold experts; whoever comes after them is a spare.
struct World {
  static ControllerOptions options() {
    ControllerOptions out;
    out.ranks = 4;
    out.change_deadline = seconds(100);
    out.balancing.window = seconds(6);
    out.balancing.copies_per_view = 4;
    return out;
  }
  explicit World(const ControllerOptions& from = options()) : bench(from) {
    client = bench.connect(PeerKind::kClient);
    for (std::uint32_t r = 0; r < from.ranks; ++r) {
      Register asks = ControllerBench::rank(r, r == 0  ? RankKind::kRouter
                                               : r < 4 ? RankKind::kExpert
                                                       : RankKind::kSpare);
      asks.region = r == 3 ? "us" : "eu";
      agents.push_back(bench.join(asks));
    }
    play_out();
  }
  Answer say(const Message& wish) {
    bench.say(client, wish);
    const auto answers = bench.heard<Answer>(client);
    return answers.empty() ? Answer{} : answers.back();
  }
  Answer ask(Wish wish, std::uint32_t amount) { return say(Command{wish, amount}); }
  // Plays along, a view at a time, until nothing moves any more; how many views came.
  std::size_t play_out() {
    Epoch newest;
    std::size_t views = 0;
    for (int quiet = 0; quiet < 4; ++quiet) {
      for (const ConnectionId agent : agents) {
        if (bench.closed(agent)) continue;
        for (const Prepare& prepare : bench.heard<Prepare>(agent)) {
          bench.say(agent, Prepared{prepare.view->epoch, {}});
          quiet = 0;
        }
        for (const Commit& commit : bench.heard<Commit>(agent)) {
          if (commit.view->epoch > newest) {
            if (view) loads_most = std::max(loads_most, loads_between(*view, *commit.view));
            view = commit.view;
            newest = commit.view->epoch;
            ++views;
          }
          bench.say(agent, Adopted{commit.view->epoch});
          quiet = 0;
        }
      }
      bench.pass(milliseconds(250));
    }
    return views;
  }
  // The first view that is asked for, and nothing of what comes after it; false: none was.
  bool play_one_view() {
    std::shared_ptr<const placement::View> first;
    for (int i = 0; i < 8; ++i) {
      for (const ConnectionId agent : agents) {
        for (const Prepare& prepare : bench.heard<Prepare>(agent)) {
          if (!first) first = prepare.view;
          if (prepare.view->epoch == first->epoch) bench.say(agent, Prepared{first->epoch, {}});
        }
        for (const Commit& commit : bench.heard<Commit>(agent)) {
          view = commit.view;
          bench.say(agent, Adopted{commit.view->epoch});
        }
      }
      bench.pass(milliseconds(250));
    }
    return view == first || (first && view->epoch == first->epoch);
  }
  // A new controller with the journal of the old; all ranks come back to it.
  void come_back() {
    bench.restart();
    client = bench.connect(PeerKind::kClient);
    for (std::uint32_t r = 0; r < agents.size(); ++r) {
      Register asks = ControllerBench::rank(r, r == 0 ? RankKind::kRouter : RankKind::kExpert);
      asks.region = r == 3 ? "us" : "eu";
      asks.incarnation = Incarnation(1);
      asks.epoch = view->epoch;
      agents[r] = bench.join(asks);
    }
  }
  std::pair<std::size_t, std::size_t> copies() const {
    std::pair<std::size_t, std::size_t> out{SIZE_MAX, 0};
    for (std::size_t l = 0; l < kLayers; ++l) {
      for (std::uint32_t e = 0; e < kExperts; ++e) {
        const auto count = view->placement.replicas(l, ExpertId(e)).size();
        out = {std::min(out.first, count), std::max(out.second, count)};
      }
    }
    return out;
  }
  nlohmann::json status() {
    return nlohmann::json::parse(bench.controller().status_json(bench.now));
  }
  // Ranks report `pairs` of each of their experts, of which rank 1's are `skew` times as busy.
  void work(double skew) {
    for (std::uint32_t r = 1; r < 4; ++r) {
      LoadReport report;
      report.seconds = 0.25;
      report.busy_share = 0.5;
      report.serve_seconds = 0.125;
      report.memory_share = 0.1;
      report.expert_pairs.resize(kLayers * kExperts);
      for (std::size_t l = 0; l < kLayers; ++l) {
        for (const ExpertId expert : view->placement.experts_of(l, RankId(r))) {
          const auto copies = view->placement.replicas(l, expert);
          const double pairs = expert == ExpertId(0) ? 1000 * skew : 1000;
          report.expert_pairs[l * kExperts + expert.index()] =
              static_cast<std::uint64_t>(pairs / static_cast<double>(copies.size()));
        }
      }
      bench.load(agents[r], report);
    }
  }

  ControllerBench bench;
  ConnectionId client;
  std::vector<ConnectionId> agents;
  std::shared_ptr<const placement::View> view;
  std::size_t loads_most = 0;  // copies that came with one view, after the first

 private:
  static std::size_t loads_between(const placement::View& before, const placement::View& after) {
    std::size_t loads = 0;
    for (std::size_t l = 0; l < kLayers; ++l) {
      for (std::uint32_t e = 0; e < kExperts; ++e) {
        const auto old = before.placement.replicas(l, ExpertId(e));
        for (const auto& copy : after.placement.replicas(l, ExpertId(e))) {
          loads += std::ranges::find(old, copy.rank, &placement::Replica::rank) == old.end();
        }
      }
    }
    return loads;
  }
};

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
  EXPECT_THAT(w.bench.events, Contains("scaling_refused"));
  EXPECT_EQ(w.status()["cluster"]["target_replicas"], 1);
}

// ---- a client's own plan ----

std::string plan_of(const std::vector<std::vector<std::uint32_t>>& ranks_by_expert,
                    std::size_t slots = 0) {
  placement::PlanFile plan;
  plan.planner = "by hand";
  for (std::uint32_t r = 1; r < 5; ++r) plan.ranks.ranks.emplace_back(r);
  plan.ranks.traits.resize(4);
  for (auto& traits : plan.ranks.traits) traits.slots = slots;
  std::vector<std::vector<placement::Replica>> copies;
  for (std::size_t l = 0; l < kLayers; ++l) {
    for (std::uint32_t e = 0; e < kExperts; ++e) {
      auto& list = copies.emplace_back();
      for (const std::uint32_t r : ranks_by_expert[e % ranks_by_expert.size()]) {
        list.push_back({RankId(r), SlotId(e)});
      }
    }
  }
  plan.placement = placement::Placement::create(kLayers, kExperts, std::move(copies)).value();
  return placement::plan_to_json(plan);
}

TEST(ControllerPlacing, MovesToAPlanInSmallViews) {
  World w;
  const Answer answer = w.say(Place{plan_of({{1}, {2}, {3}})});
  EXPECT_TRUE(answer.accepted) << answer.reason;
  EXPECT_THAT(answer.reason, HasSubstr("copies to load"));
  EXPECT_EQ(w.say(Place{plan_of({{1}})}).code, "busy");
  EXPECT_GE(w.play_out(), 2U);
  for (std::size_t l = 0; l < kLayers; ++l) {
    for (std::uint32_t e = 0; e < kExperts; ++e) {
      const auto copies = w.view->placement.replicas(l, ExpertId(e));
      ASSERT_EQ(copies.size(), 1U);
      EXPECT_EQ(copies[0].rank, RankId(1 + e % 3)) << "layer " << l << " expert " << e;
    }
  }
  const Answer again = w.say(Place{plan_of({{1}, {2}, {3}})});
  EXPECT_TRUE(again.accepted);
  EXPECT_EQ(w.play_out(), 0U);
}

TEST(ControllerPlacing, IsAbandonedByARestartThatSaysSo) {
  World w;
  ASSERT_TRUE(w.say(Place{plan_of({{1}, {2}, {3}})}).accepted);
  w.bench.pass(milliseconds(250));
  const auto by_snapshot = [&] {
    Controller other(World::options());
    EXPECT_TRUE(other.replay(w.bench.controller().snapshot(), w.bench.now).has_value());
    return nlohmann::json::parse(other.status_json(w.bench.now))["parts"]["balancer"]["last_move"];
  }();
  w.bench.restart();
  const auto last_move = w.status()["parts"]["balancer"]["last_move"];
  EXPECT_EQ(last_move["state"], "abandoned");
  EXPECT_EQ(last_move["for"], "plan");
  EXPECT_THAT(last_move["text"].get<std::string>(), HasSubstr("to a client's plan, "));
  EXPECT_EQ(by_snapshot, last_move);
  w.bench.pass(milliseconds(250));
  EXPECT_TRUE(w.bench.has_event("rebalance_abandoned"));
}

TEST(ControllerPlacing, RefusesWhatCannotBe) {
  ControllerOptions options = World::options();
  options.residency = {{"eu/gdpr", {"eu"}}};  // ranks 0, 1 and 2
  World w(options);
  const std::vector<std::tuple<std::string, std::string, std::string>> plans = {
      {"{", "invalid", "not valid JSON"},
      {"{}", "invalid", "not a plan"},
      {plan_of({{1}, {4}}), "invalid", "expert 1 is on rank 4, which is no expert rank now"},
      {plan_of({{1}, {2}}, 3), "invalid", "rank 1 would hold 4 copies in 3 slots"},
      {plan_of({{1}, {3}}), "residency", "a residency rule would lack an expert"},
  };
  for (const auto& [plan, code, words] : plans) {
    const Answer answer = w.say(Place{plan});
    EXPECT_FALSE(answer.accepted) << words;
    EXPECT_EQ(answer.code, code) << answer.reason;
    EXPECT_THAT(answer.reason, HasSubstr(words));
  }
  std::string twice = plan_of({{1, 2}});
  const auto at = twice.find("[[1,0],[2,0]]");
  ASSERT_NE(at, std::string::npos);
  twice.replace(at, 13, "[[1,0],[1,9]]");
  EXPECT_THAT(w.say(Place{twice}).reason, HasSubstr("twice on rank 1"));
  EXPECT_EQ(w.play_out(), 0U);
  EXPECT_TRUE(w.say(Place{plan_of({{1}, {2}, {2, 3}})}).accepted);
}

// The plan has one copy of each expert and two are wanted: a death would cost a reload.
TEST(ControllerPlacing, RefusesFewerCopiesThanAreWanted) {
  ControllerOptions options = World::options();
  options.replicas = 2;
  World w(options);
  EXPECT_THAT(w.say(Place{plan_of({{1}, {2}})}).reason, HasSubstr("has 1 copies, and 2"));
  EXPECT_TRUE(w.say(Place{plan_of({{1, 2}, {2, 3}})}).accepted);
}

}  // namespace
}  // namespace switchyard::control
