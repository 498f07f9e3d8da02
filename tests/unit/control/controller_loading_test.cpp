// Loading that gets on is never a failure, however long it takes; loading that does not is.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/unit/control/controller_bench.h"

namespace switchyard::control {
namespace {

using std::chrono::seconds;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using Loads = ControllerBench::Loads;

// Rank 0 routes, ranks 1 and 2 are to load for the first view; whoever reads nothing for two
// seconds is late.
struct World {
  World() : bench(options()) {
    agents = {bench.join(0, RankKind::kRouter), bench.join(1, RankKind::kExpert),
              bench.join(2, RankKind::kExpert)};
  }
  static ControllerOptions options() {
    ControllerOptions out;
    out.ranks = 3;
    out.prepare_deadline = seconds(2);
    out.start_deadline = seconds(5);
    return out;
  }
  ControllerBench bench;
  std::vector<ConnectionId> agents;
};

TEST(ControllerLoading, ThatGetsOnIsWaitedFor) {
  World w;
  for (const ConnectionId agent : w.agents) w.bench.loading(agent, Loads::kYes);
  w.bench.pass(seconds(600));
  EXPECT_THAT(w.bench.events, Not(Contains("view_rolled_back")));
  EXPECT_THAT(w.bench.events, Not(Contains("rank_dead")));
  w.bench.play_along(w.agents);
  EXPECT_THAT(w.bench.events, Contains("view_committed"));
}

// Only the one that stands still has failed; the other is to load the next view at once.
TEST(ControllerLoading, ThatStandsStillFailsAloneAndInTime) {
  World w;
  for (const ConnectionId agent : w.agents) w.bench.loading(agent, Loads::kYes);
  w.bench.pass(seconds(30));
  w.bench.loading(w.agents[2], Loads::kNo);
  ASSERT_THAT(w.bench.heard<Prepare>(w.agents[1]), SizeIs(1));
  w.bench.pass(seconds(3));
  EXPECT_THAT(w.bench.texts, Contains(HasSubstr("rank 2 did not prepare in time")));
  const auto next = w.bench.heard<Prepare>(w.agents[1]);
  ASSERT_THAT(next, SizeIs(1));
  EXPECT_EQ(next[0].view->find(RankId(2)), nullptr);
}

// The controller's own standstill counts against nobody.
TEST(ControllerLoading, AControllerThatStoodStillJudgesNobodyForIt) {
  World w;
  w.bench.pass(seconds(1));
  w.bench.now += seconds(100);
  w.bench.pass(std::chrono::milliseconds(500));
  EXPECT_THAT(w.bench.events, Not(Contains("view_rolled_back")));
}

}  // namespace
}  // namespace switchyard::control
