// What the autoscaler decides, done by the controller: on which loads, to which ranks.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "tests/unit/control/controller_bench.h"

namespace switchyard::control {
namespace {

using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Rank 0 routes, 1, 2 and 3 hold experts, 4, where there is one, is a spare.
struct World {
  static ControllerOptions options() {
    ControllerOptions out;
    out.ranks = 4;
    ScalingConfig& scaling = out.scaling;
    scaling.mode = ScalingMode::kActive;
    scaling.ranks = {1, 8};
    scaling.targets = {
        .busy_share = 0.7, .queue_delay_us_p95 = std::nullopt, .memory_share = std::nullopt};
    scaling.interval = seconds(1);
    scaling.metrics_window = scaling.stabilisation_down = scaling.dwell_min = seconds(1);
    scaling.cooldown_up = scaling.cooldown_down = seconds(1);
    return out;
  }
  explicit World(const ControllerOptions& from = options(),
                 const std::vector<std::string>& regions = {})
      : bench(from) {
    for (std::uint32_t r = 0; r < from.ranks; ++r) {
      Register asks = ControllerBench::rank(r, r == 0  ? RankKind::kRouter
                                               : r < 4 ? RankKind::kExpert
                                                       : RankKind::kSpare);
      if (!regions.empty()) asks.region = regions.at(r);
      agents.push_back(bench.join(asks));
    }
    bench.play_along(agents);
  }
  bool ask_scale(std::uint32_t experts) {
    const auto client = bench.connect(PeerKind::kClient);
    bench.say(client, Command{Wish::kScale, experts});
    return bench.heard<Answer>(client).at(0).accepted;
  }
  // A new controller with the journal of the old, to which these ranks come back.
  void come_back(const std::vector<std::uint32_t>& ranks) {
    bench.restart();
    const auto view = nlohmann::json::parse(bench.controller().status_json(bench.now))["view"];
    agents.clear();
    for (const std::uint32_t r : ranks) {
      Register asks = ControllerBench::rank(r, r == 0 ? RankKind::kRouter : RankKind::kExpert);
      asks.incarnation = Incarnation(1);
      asks.epoch = Epoch(view["epoch"].get<std::uint32_t>());
      agents.push_back(bench.join(asks));
    }
  }
  void busy(std::uint32_t rank, double share) {
    LoadReport report;
    report.seconds = 1;
    report.busy_share = share;
    bench.load(agents[rank], report);
  }
  // Time passes, and what is asked of the agents is done.
  void pass(int quarter_seconds) {
    for (int i = 0; i < quarter_seconds; ++i) {
      bench.pass(std::chrono::milliseconds(250));
      bench.play_along(agents);
    }
  }
  std::vector<std::uint32_t> experts() {
    std::vector<std::uint32_t> out;
    const auto status = nlohmann::json::parse(bench.controller().status_json(bench.now));
    for (const auto& member : status["view"]["members"]) {
      if (member["expert"]) out.push_back(member["rank"]);
    }
    return out;
  }
  ControllerBench bench;
  std::vector<ConnectionId> agents;
};

// The event says whom it drains, and that rank goes, not the newest.
TEST(ControllerScaling, TheLeastLoadedRankGoes) {
  World w;
  w.busy(1, 0.05);
  w.busy(2, 0.5);
  w.busy(3, 0.5);
  w.pass(16);
  EXPECT_THAT(w.bench.texts, Contains(HasSubstr("drain rank 1")));
  EXPECT_THAT(w.experts(), ElementsAre(2, 3));
}

// Rank 1 does least, and is the only one where the rule lets rows go.
TEST(ControllerScaling, ARankThatAResidencyRuleNeedsStays) {
  ControllerOptions options = World::options();
  options.residency = {{"eu/gdpr", {"eu"}}};
  World w(options, {"eu", "eu", "us", "us"});
  w.busy(1, 0.05);
  w.busy(2, 0.4);
  w.busy(3, 0.5);
  w.pass(16);
  EXPECT_THAT(w.bench.texts, Contains(HasSubstr("drain rank 2")));
  EXPECT_THAT(w.experts(), ElementsAre(1));
}

// The choice is in the journal: a controller that comes back in between sends the same rank away.
TEST(ControllerScaling, TheChoiceOutlivesTheController) {
  World w;
  w.busy(1, 0.05);
  w.busy(2, 0.5);
  w.busy(3, 0.5);
  for (int i = 0; i < 40 && !w.bench.has_event("scaling_act"); ++i) {
    w.bench.pass(std::chrono::milliseconds(250));  // nobody prepares what is asked
  }
  ASSERT_TRUE(w.bench.has_event("scaling_act"));
  const auto snapshot = w.bench.controller().snapshot();
  for (const auto& records : {w.bench.journal, snapshot}) {
    w.bench.journal = records;
    w.bench.restart();
    std::vector<ConnectionId> back;
    for (std::uint32_t r = 0; r < 4; ++r) {
      Register asks = ControllerBench::rank(r, r == 0 ? RankKind::kRouter : RankKind::kExpert);
      asks.incarnation = Incarnation(1);
      asks.epoch = Epoch(1);
      back.push_back(w.bench.join(asks));
    }
    w.agents = back;
    for (const std::uint32_t r : {1U, 2U, 3U}) w.busy(r, 0.65);  // no reason to go on
    w.pass(8);
    EXPECT_THAT(w.experts(), ElementsAre(2, 3));
  }
}

ControllerOptions with_spare(const ScalingTargets& targets) {
  ControllerOptions out = World::options();
  out.ranks = 5;
  out.spares = 1;
  out.scaling.targets = targets;
  return out;
}

ScalingTargets no_targets() {
  return {
      .busy_share = std::nullopt, .queue_delay_us_p95 = std::nullopt, .memory_share = std::nullopt};
}

// Each thing that a report says can be what ranks are added for.
struct Case {
  const char* name;
  std::uint32_t rank;  // whose report it is
  std::optional<double> ScalingTargets::*target;
  double aim;
  double LoadReport::*reported;
};

class ScalesOn : public ::testing::TestWithParam<Case> {};

TEST_P(ScalesOn, WhatIsBeyondItsTarget) {
  const Case& c = GetParam();
  ScalingTargets targets = no_targets();
  targets.*c.target = c.aim;
  for (const double load : {0.95, 1.3}) {
    World w(with_spare(targets));
    for (std::uint32_t r = 0; r < 4; ++r) {
      LoadReport report;
      report.seconds = 1;
      const bool says = c.rank == 0 ? r == 0 : r > 0;
      if (says) report.*c.reported = load * c.aim;
      w.bench.load(w.agents[r], report);
    }
    w.pass(12);
    if (load > 1) {
      EXPECT_THAT(w.experts(), ElementsAre(1, 2, 3, 4));
    } else {
      EXPECT_THAT(w.experts(), ElementsAre(1, 2, 3));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, ScalesOn,
    ::testing::Values(
        Case{"Busy", 1, &ScalingTargets::busy_share, 0.7, &LoadReport::busy_share},
        Case{"Steps", 0, &ScalingTargets::step_us_p95, 40'000, &LoadReport::step_us_p95},
        Case{"Cores", 1, &ScalingTargets::cpu_share, 0.6, &LoadReport::cpu_busy_share},
        Case{"Memory", 1, &ScalingTargets::memory_share, 0.7, &LoadReport::memory_share}),
    [](const auto& param) { return std::string(param.param.name); });

// There has been nothing to do for long, and yet what an operator asks for is not undone at once.
TEST(ControllerScaling, WhatAnOperatorAsksForStandsForAWindow) {
  ControllerOptions options = World::options();
  options.scaling.stabilisation_down = options.scaling.dwell_min = seconds(10);
  World w(options);
  const auto idle = [&](int for_seconds) {
    for (int i = 0; i < for_seconds; ++i) {
      for (const std::uint32_t r : {1U, 2U, 3U}) w.busy(r, 0.01);
      w.pass(4);
    }
  };
  idle(30);
  ASSERT_THAT(w.experts(), ::testing::SizeIs(1));
  ASSERT_TRUE(w.ask_scale(3));
  idle(8);
  EXPECT_THAT(w.experts(), ElementsAre(1, 2, 3));
  idle(20);
  EXPECT_THAT(w.experts(), ::testing::SizeIs(1));
}

// No spare is left, one slot is empty, and the operator allows a process: it is started, joins, and
// gets experts. Where none comes the wish for it ends.
TEST(ControllerScaling, StartsAProcessWhereSparesAreUsedUp) {
  for (const bool comes : {true, false}) {
    ControllerOptions options = with_spare(World::options().scaling.targets);
    options.spawns_max = 1;
    options.spawn_deadline = seconds(5);
    World w(options);
    for (const std::uint32_t r : {1U, 2U, 3U, 4U}) w.busy(r, 0.65);
    w.bench.disconnect(w.agents[3]);
    w.pass(4);
    EXPECT_THAT(w.experts(), ElementsAre(1, 2, 4)) << "the spare takes its place";
    ASSERT_TRUE(w.bench.spawns.empty());
    for (const std::uint32_t r : {1U, 2U, 4U}) w.busy(r, 0.9);
    w.pass(8);
    ASSERT_THAT(w.bench.spawns, ElementsAre(RankId(3)));
    for (const std::uint32_t r : {1U, 2U, 4U}) w.busy(r, 0.65);
    if (comes) {
      Register late = ControllerBench::rank(3, RankKind::kSpare);
      late.pid = 7;
      late.address = "127.0.0.1:7";
      w.agents[3] = w.bench.join(late);
      w.busy(3, 0.65);
    }
    w.pass(28);
    if (comes) {
      EXPECT_THAT(w.experts(), ElementsAre(1, 2, 3, 4));
    } else {
      EXPECT_TRUE(w.bench.has_event("spawn_failed"));
      EXPECT_TRUE(w.bench.has_event("wish_given_up"));
      EXPECT_THAT(w.experts(), ElementsAre(1, 2, 4));
    }
    EXPECT_THAT(w.bench.spawns, ::testing::SizeIs(1)) << "no more than is allowed";
  }
}

// A process may take longer to come than other changes take: also for a controller that comes back.
TEST(ControllerScaling, WaitsForProcessesAsLongAfterARestart) {
  ControllerOptions options = World::options();
  options.spawns_max = 1;
  options.change_deadline = seconds(10);
  options.spawn_deadline = seconds(100);
  World w(options);
  for (const std::uint32_t r : {1U, 2U, 3U}) w.busy(r, 0.65);
  ASSERT_TRUE(w.ask_scale(2));
  w.pass(8);
  ASSERT_THAT(w.experts(), ElementsAre(1, 2));
  w.bench.say(w.agents[3], Goodbye{});  // its slot is free
  for (const std::uint32_t r : {1U, 2U}) w.busy(r, 0.9);
  for (int i = 0; i < 40 && w.bench.spawns.empty(); ++i) w.pass(1);
  ASSERT_THAT(w.bench.spawns, ElementsAre(RankId(3)));
  w.come_back({0, 1, 2});
  for (const std::uint32_t r : {1U, 2U}) w.busy(r, 0.65);
  w.pass(60 * 4);
  EXPECT_FALSE(w.bench.has_event("scale_taken_back"));
  Register late = ControllerBench::rank(3, RankKind::kSpare);
  late.address = "127.0.0.1:7";
  w.agents.push_back(w.bench.join(late));
  w.busy(3, 0.65);
  w.pass(8);
  EXPECT_THAT(w.experts(), ElementsAre(1, 2, 3));
}

}  // namespace
}  // namespace switchyard::control
