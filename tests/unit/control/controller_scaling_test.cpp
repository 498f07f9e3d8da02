// What the autoscaler decides, done by the controller: on which loads, to which ranks.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/unit/control/controller_bench.h"

namespace switchyard::control {
namespace {

using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Rank 0 routes, 1, 2 and 3 hold experts.
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
  explicit World(ControllerOptions from = options()) : bench(std::move(from)) {
    for (std::uint32_t r = 0; r < 4; ++r) {
      agents.push_back(bench.join(r, r == 0 ? RankKind::kRouter : RankKind::kExpert));
    }
    bench.play_along(agents);
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

}  // namespace
}  // namespace switchyard::control
