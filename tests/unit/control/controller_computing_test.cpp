// Ranks at a batch that takes long: their agent beats, and nothing else comes until it is over.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "tests/unit/control/controller_bench.h"

namespace switchyard::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

// Rank 0 routes and waits for rank 2, an expert rank as rank 1 is. All beat ten times a second.
struct World {
  explicit World(Duration compute_max = seconds(60)) : bench(options(compute_max)) {
    const ConnectionId client = bench.connect(PeerKind::kClient);
    for (std::uint32_t r = 0; r < 3; ++r) {
      agents.push_back(bench.join(r, r == 0 ? RankKind::kRouter : RankKind::kExpert));
    }
    bench.play_along(agents);
    Submit wish;
    wish.requests.resize(1);
    bench.say(client, wish);
    for (const ConnectionId agent : agents) bench.silence(agent);
  }
  static ControllerOptions options(Duration compute_max) {
    ControllerOptions out;
    out.ranks = 3;
    out.health.compute_max = compute_max;
    return out;
  }

  enum class Hangs { kNo, kYes };  // kYes: in no batch
  // Rank 2 is at one batch for so long; those who can make load reports.
  void batch(Duration time, Hangs hangs = Hangs::kNo) {
    for (Duration passed{}; passed < time; passed += milliseconds(100)) {
      Heartbeat beat;
      beat.phase = Phase::kServing;
      beat.steps = steps;
      beat.open_requests = 1;
      bench.say(agents[0], beat);
      beat.open_requests = 0;
      bench.say(agents[1], beat);
      beat.open_jobs = 1;
      beat.steps = steps + served;
      const auto so_far = static_cast<std::uint64_t>(passed / milliseconds(1));
      if (hangs == Hangs::kNo) beat.computing_ms = lie.value_or(so_far);
      bench.say(agents[2], beat);
      bench.say(agents[0], LoadReport{});
      bench.say(agents[1], LoadReport{});
      if (passed > milliseconds(250)) {
        bench.say(agents[0], Evidence{Epoch(1), 1000, {RankId(2)}});
      }
      bench.pass(milliseconds(100));
    }
  }
  // It is over: the answer is there and the next exchange begins.
  void answer() {
    ++steps;
    bench.pass(milliseconds(200));  // before its words of it come
    bench.say(agents[2], LoadReport{});
  }
  std::string health(std::size_t rank) {
    const auto status = nlohmann::json::parse(bench.controller().status_json(bench.now));
    return status["ranks"][rank]["health_text"];
  }
  std::string state(std::size_t rank) {
    const auto status = nlohmann::json::parse(bench.controller().status_json(bench.now));
    return status["ranks"][rank]["state"];
  }

  ControllerBench bench;
  std::vector<ConnectionId> agents;
  std::uint64_t steps = 1;
  std::uint64_t served = 0;          // batches of rank 2 for others
  std::optional<std::uint64_t> lie;  // of it: for how long it has been at one
};

TEST(ControllerComputing, ALongBatchIsNoDeath) {
  World w;
  w.bench.say(w.agents[2], LoadReport{});
  for (int i = 0; i < 3; ++i) {
    w.batch(seconds(40));
    EXPECT_THAT(w.health(2), Not(HasSubstr("load report")));
    w.answer();
  }
  EXPECT_FALSE(w.bench.has_event("rank_dead")) << w.health(0) << "; " << w.health(2);
}

// The first batch may begin before there is anything to report.
TEST(ControllerComputing, TheFirstBatchIsNoDeath) {
  World w;
  w.batch(seconds(10));
  EXPECT_FALSE(w.bench.has_event("rank_dead")) << w.health(2);
}

TEST(ControllerComputing, AnEngineThatHangsInABatchIsFound) {
  World w(seconds(20));
  w.batch(seconds(20));
  EXPECT_FALSE(w.bench.has_event("rank_dead"));
  w.batch(seconds(10));
  EXPECT_EQ(w.state(2), "dead");
  EXPECT_EQ(w.state(0), "live");  // who waited for it is not to blame
}

TEST(ControllerComputing, AnEngineThatHangsInNoBatchIsFoundAsSoonAsEver) {
  World w;
  w.batch(seconds(2));
  w.answer();
  w.batch(milliseconds(4500), World::Hangs::kYes);
  EXPECT_EQ(w.state(2), "dead");
}

// Many short batches in which others are served forgive little: a router of which nobody knows is
// not waited for without end.
TEST(ControllerComputing, WhoWaitsForABusyRankIsJudgedInTheEnd) {
  World w(seconds(20));
  for (int i = 0; i < 100 && w.state(0) == "live" && w.state(2) == "live"; ++i) {
    w.batch(seconds(1));
    w.bench.say(w.agents[2], LoadReport{});
    ++w.served;
  }
  EXPECT_EQ(w.state(0), "dead");
}

// A number that is no time of a batch forgives no more than has passed.
TEST(ControllerComputing, ALieForgivesNoMoreThanTheTimeSinceTheLastHeartbeat) {
  World w(seconds(5));
  w.lie = UINT64_MAX;
  w.batch(seconds(4));
  EXPECT_EQ(w.state(2), "live");
  w.batch(seconds(6));
  EXPECT_EQ(w.state(2), "dead");
}

}  // namespace
}  // namespace switchyard::control
