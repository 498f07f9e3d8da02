// Whether the cluster can serve, and that nobody waits for ever for what nobody can load.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/unit/control/controller_bench.h"

namespace switchyard::control {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Rank 0 routes, rank 1 holds every expert.
struct LastHolder {
  explicit LastHolder(std::uint32_t spawns = 0) : bench(options(spawns)) {
    client = bench.connect(PeerKind::kClient);
    bench.say(client, Command{Wish::kWatch, 0});
    agents = {bench.join(0, RankKind::kRouter), bench.join(1, RankKind::kExpert)};
    bench.play_along(agents);
    Submit wish;
    wish.requests.resize(2);
    wish.requests[0].name = "a";
    wish.requests[1].name = "b";
    bench.say(client, wish);
  }
  static ControllerOptions options(std::uint32_t spawns) {
    ControllerOptions out;
    out.ranks = 2;
    out.loss_wait = seconds(20);
    out.spawns_max = spawns;
    out.spawn_deadline = seconds(60);
    return out;
  }
  std::string unserved() {
    const auto status = nlohmann::json::parse(bench.controller().status_json(bench.now));
    return status["cluster"]["unserved"];
  }

  ControllerBench bench;
  ConnectionId client;
  std::vector<ConnectionId> agents;
};

TEST(ControllerServing, RequestsFailWithTheReasonWhenNobodyCanLoadWhatWasLost) {
  LastHolder w;
  ASSERT_THAT(w.bench.heard<Assign>(w.agents[0]), SizeIs(2));
  EXPECT_EQ(w.unserved(), "");
  w.bench.disconnect(w.agents[1]);
  EXPECT_THAT(w.unserved(), HasSubstr("16 experts have no copy left"));
  w.bench.pass(seconds(19));
  EXPECT_THAT(w.bench.heard<RequestDone>(w.client), IsEmpty());
  w.bench.pass(seconds(2));
  const auto done = w.bench.heard<RequestDone>(w.client);
  ASSERT_THAT(done, SizeIs(2));
  EXPECT_THAT(done[0].error, HasSubstr("expert_lost: rank 1 died"));
  // The router is to leave them, and what comes now fails at once.
  EXPECT_THAT(w.bench.heard<Cancel>(w.agents[0]), SizeIs(2));
  Submit late;
  late.requests.resize(1);
  late.requests[0].name = "c";
  w.bench.say(w.client, late);
  EXPECT_THAT(w.bench.heard<RequestDone>(w.client), SizeIs(1));
}

TEST(ControllerServing, ARankThatComesInTimeServesThem) {
  LastHolder w;
  w.bench.disconnect(w.agents[1]);
  w.bench.pass(seconds(15));
  w.agents[1] = w.bench.join(1, RankKind::kExpert);
  w.bench.pass(seconds(15));  // it loads
  EXPECT_THAT(w.bench.heard<RequestDone>(w.client), IsEmpty());
  w.bench.play_along(w.agents);
  EXPECT_EQ(w.unserved(), "");
  w.bench.pass(seconds(30));
  EXPECT_THAT(w.bench.heard<RequestDone>(w.client), IsEmpty());
}

// A process that is being started is hope, until it is given up.
TEST(ControllerServing, AnAwaitedProcessIsWaitedFor) {
  LastHolder w(1);
  w.bench.disconnect(w.agents[1]);
  w.bench.pass(seconds(58));
  EXPECT_THAT(w.bench.heard<RequestDone>(w.client), IsEmpty());
  w.bench.pass(seconds(25));
  EXPECT_THAT(w.bench.heard<RequestDone>(w.client), SizeIs(2));
}

// It was stopped; its agents have left it meanwhile and come back: none has died.
TEST(ControllerServing, AgentsThatLeftAControllerThatStoodStillComeBack) {
  LastHolder w;
  w.bench.pass(seconds(1));
  w.bench.now += seconds(30);
  w.bench.disconnect(w.agents[1]);
  w.bench.pass(seconds(1));
  EXPECT_THAT(w.bench.events, ::testing::Not(::testing::Contains("rank_dead")));
  Register again = ControllerBench::rank(1, RankKind::kExpert);
  again.incarnation = Incarnation(1);
  again.epoch = Epoch(1);
  w.agents[1] = w.bench.join(again);
  w.bench.pass(seconds(30));
  EXPECT_THAT(w.bench.events, ::testing::Not(::testing::Contains("rank_dead")));
  EXPECT_EQ(w.unserved(), "");
  // Later on a broken connection is a death again.
  w.bench.disconnect(w.agents[1]);
  EXPECT_THAT(w.bench.events, ::testing::Contains("rank_dead"));
}

}  // namespace
}  // namespace switchyard::control
