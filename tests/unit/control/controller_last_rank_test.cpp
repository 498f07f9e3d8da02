// When deaths or failed loads leave one rank that could go on: a drain does not keep it from its
// work, a failed load does not end the requests, and after a restart the first rank to be back does
// not take everything.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/unit/control/controller_bench.h"

namespace switchyard::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// The first `routers` ranks route, the others hold experts, the last `spares` are spares.
struct Cluster {
  Cluster(std::uint32_t ranks, std::uint32_t routers, std::uint32_t spares = 0)
      : bench(options(ranks, spares)) {
    client = bench.connect(PeerKind::kClient);
    for (std::uint32_t r = 0; r < ranks; ++r) {
      kinds.push_back(r < routers          ? RankKind::kRouter
                      : r < ranks - spares ? RankKind::kExpert
                                           : RankKind::kSpare);
      agents.push_back(bench.join(r, kinds[r]));
    }
    bench.play_along(agents);
  }
  static ControllerOptions options(std::uint32_t ranks, std::uint32_t spares) {
    ControllerOptions out;
    out.ranks = ranks;
    out.spares = spares;
    return out;
  }
  void submit(std::size_t count) {
    Submit wish;
    wish.requests.resize(count);
    bench.say(client, wish);
  }
  std::string ask(Wish wish, std::uint32_t amount) {
    (void)bench.heard<Answer>(client);
    bench.say(client, Command{wish, amount});
    const auto answers = bench.heard<Answer>(client);
    return answers.empty() ? "nothing" : answers.back().code;
  }
  nlohmann::json status() {
    return nlohmann::json::parse(bench.controller().status_json(bench.now));
  }
  std::vector<int> members() {
    std::vector<int> out;
    const auto now = status();
    for (const auto& member : now["view"]["members"]) out.push_back(member["rank"]);
    return out;
  }
  // The same life over a new connection.
  void come_back(std::uint32_t r) {
    Register again = ControllerBench::rank(r, kinds[r]);
    again.incarnation = Incarnation(1);
    again.epoch = Epoch(1);
    agents[r] = bench.join(again);
  }
  // It answers every Prepare with an error.
  void fail_loads(std::uint32_t r) {
    for (const Prepare& prepare : bench.heard<Prepare>(agents[r])) {
      bench.say(agents[r], Prepared{prepare.view->epoch, "no memory"});
    }
  }

  ControllerBench bench;
  ConnectionId client;
  std::vector<RankKind> kinds;
  std::vector<ConnectionId> agents;
};

TEST(ControllerLastRank, AnExpertRankWhoseDrainADeathOvertakesWorksOn) {
  Cluster c(3, 1);
  c.submit(2);
  ASSERT_EQ(c.ask(Wish::kDrain, 1), "ok");
  c.bench.disconnect(c.agents[2]);
  c.bench.play_along(c.agents);
  EXPECT_THAT(c.members(), ElementsAre(0, 1));
  EXPECT_THAT(c.bench.heard<Undrain>(c.agents[1]), SizeIs(1));
  EXPECT_THAT(c.bench.events, Contains("drain_taken_back"));
  EXPECT_THAT(c.bench.events, Not(Contains("request_failed")));
  EXPECT_EQ(c.ask(Wish::kDrain, 1), "too_few_ranks");
}

TEST(ControllerLastRank, ARouterWhoseDrainADeathOvertakesTakesTheRequests) {
  Cluster c(4, 2);
  c.submit(2);
  ASSERT_THAT(c.bench.heard<Assign>(c.agents[1]), SizeIs(1));
  ASSERT_EQ(c.ask(Wish::kDrain, 1), "ok");
  c.bench.disconnect(c.agents[0]);
  c.bench.play_along(c.agents);
  EXPECT_THAT(c.bench.heard<Assign>(c.agents[1]), SizeIs(1));
  EXPECT_THAT(c.bench.events, Contains("drain_taken_back"));
}

// Where a spare can take the role the drain goes on.
TEST(ControllerLastRank, ADrainGoesOnWhereASpareComes) {
  Cluster c(4, 1, 1);
  ASSERT_EQ(c.ask(Wish::kDrain, 1), "ok");
  c.bench.disconnect(c.agents[2]);
  c.bench.play_along(c.agents);
  c.bench.pass(seconds(1));
  c.bench.play_along(c.agents);
  EXPECT_THAT(c.members(), ElementsAre(0, 3));
  EXPECT_THAT(c.bench.events, Not(Contains("drain_taken_back")));
  EXPECT_THAT(c.bench.events, Contains("drain_done"));
}

TEST(ControllerLastRank, IsAskedAgainSoonAfterAFailedLoad) {
  Cluster c(3, 1);
  c.submit(1);
  c.bench.disconnect(c.agents[2]);
  c.fail_loads(1);
  EXPECT_THAT(c.bench.heard<Prepare>(c.agents[1]), IsEmpty());  // not in the same breath
  c.bench.pass(seconds(3));
  c.bench.play_along(c.agents);
  EXPECT_THAT(c.members(), ElementsAre(0, 1));
  EXPECT_THAT(c.bench.events, Not(Contains("request_failed")));
}

// One that fails each time is no hope: the requests end as where there is nobody.
TEST(ControllerLastRank, ThatFailsEachTimeEndsTheWait) {
  Cluster c(3, 1);
  c.submit(1);
  c.bench.disconnect(c.agents[2]);
  for (int s = 0; s < 40; ++s) {
    c.fail_loads(1);
    c.bench.pass(seconds(1));
  }
  EXPECT_THAT(c.bench.events, Contains("request_failed"));
  EXPECT_THAT(c.bench.texts, Contains(HasSubstr("expert_lost")));
}

// The scaling that was under way waits for those that held the experts.
TEST(ControllerLastRank, ToBeBackAfterARestartIsWaitedFor) {
  Cluster c(5, 1, 1);
  ASSERT_EQ(c.ask(Wish::kScale, 4), "ok");
  c.bench.restart();
  c.come_back(4);
  c.client = c.bench.connect(PeerKind::kClient);
  EXPECT_EQ(c.ask(Wish::kRebalance, 0), "busy");
  EXPECT_THAT(c.bench.heard<Prepare>(c.agents[4]), IsEmpty());
  EXPECT_EQ(c.status()["view"]["epoch"], 1);
  for (std::uint32_t r = 0; r < 4; ++r) c.come_back(r);
  const auto prepare = c.bench.heard<Prepare>(c.agents[4]);
  ASSERT_THAT(prepare, SizeIs(1));
  EXPECT_THAT(prepare[0].view->placement.experts_of(0, RankId(4)), SizeIs(2));  // of 8, its share
}

TEST(ControllerLastRank, ARecoveryAfterARestartIsSharedByAll) {
  Cluster c(5, 1);
  c.bench.disconnect(c.agents[1]);
  c.bench.restart();
  c.come_back(2);
  EXPECT_THAT(c.bench.heard<Prepare>(c.agents[2]), IsEmpty());
  for (const std::uint32_t r : {0U, 3U, 4U}) c.come_back(r);
  for (const std::uint32_t r : {2U, 3U, 4U}) {
    const auto prepare = c.bench.heard<Prepare>(c.agents[r]);
    if (prepare.empty()) continue;
    for (const std::uint32_t each : {2U, 3U, 4U}) {
      EXPECT_LE(prepare[0].view->placement.experts_of(0, RankId(each)).size(), 3U);
    }
    c.bench.say(c.agents[r], Prepared{prepare[0].view->epoch, {}});
  }
  c.bench.play_along(c.agents);
  EXPECT_THAT(c.members(), ElementsAre(0, 2, 3, 4));
}

// Nobody waits for one that does not come back.
TEST(ControllerLastRank, ThatStaysAwayAfterARestartIsLeftOut) {
  Cluster c(5, 1);
  c.bench.disconnect(c.agents[1]);
  c.bench.restart();
  for (const std::uint32_t r : {0U, 2U, 3U}) c.come_back(r);
  c.bench.pass(seconds(5) + milliseconds(200));
  c.bench.play_along({c.agents[0], c.agents[2], c.agents[3]});
  EXPECT_THAT(c.members(), ElementsAre(0, 2, 3));
}

// Ten deaths are no fault of the request.
TEST(ControllerLastRank, TakesARequestHoweverManyRoutersHaveDied) {
  Cluster c(12, 11);
  c.submit(1);
  for (std::uint32_t death = 0; death < 10; ++death) {
    for (std::uint32_t r = 0; r < 11; ++r) {
      if (c.bench.closed(c.agents[r]) || c.status()["ranks"][r]["open_requests"] == 0) continue;
      c.bench.disconnect(c.agents[r]);
      break;
    }
    c.bench.play_along(c.agents);
  }
  EXPECT_EQ(c.status()["requests"]["open"], 1);
  EXPECT_EQ(c.status()["requests"]["waiting"], 0);
  EXPECT_THAT(c.bench.events, Not(Contains("request_failed")));
}

}  // namespace
}  // namespace switchyard::control
