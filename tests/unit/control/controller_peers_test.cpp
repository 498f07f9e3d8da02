// What the controller makes of its peers' troubles: breakers that open, requests that are lost
// again and again, ranks that load for long; and what it says of its own parts.
#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "runtime/control/event_about.h"
#include "runtime/control/speaker.h"
#include "tests/unit/control/controller_bench.h"

namespace switchyard::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

// Rank 0 routes, 1 holds experts, 2 is a spare.
struct World {
  static ControllerOptions options() {
    ControllerOptions out;
    out.ranks = 3;
    out.spares = 1;
    return out;
  }
  explicit World(ControllerOptions from = options()) : bench(std::move(from)) {
    client = bench.connect(PeerKind::kClient);
    bench.say(client, Command{Wish::kWatch, 0});
    const RankKind kinds[] = {RankKind::kRouter, RankKind::kExpert, RankKind::kSpare};
    for (std::uint32_t r = 0; r < 3; ++r) agents.push_back(bench.join(r, kinds[r]));
    bench.play_along(agents);
  }
  nlohmann::json status() {
    return nlohmann::json::parse(bench.controller().status_json(bench.now));
  }
  ControllerBench bench;
  ConnectionId client;
  std::vector<ConnectionId> agents;
};

TEST(ControllerPeers, EachSaysItsOwnOnly) {
  const auto may = [](Speaker speaker, const Message& message) {
    return may_say(speaker, static_cast<std::uint8_t>(message.index()));
  };
  const std::vector<Message> clients = {Submit{}, Command{}, Place{}};
  const std::vector<Message> controllers = {Drain{}, Undrain{}, Leave{}, Answer{}, RankLeft{}};
  for (const Message& message : clients) {
    EXPECT_TRUE(may(Speaker::kClient, message));
    EXPECT_FALSE(may(Speaker::kAgent, message));
    EXPECT_FALSE(may(Speaker::kController, message));
  }
  for (const Message& message : controllers) {
    EXPECT_TRUE(may(Speaker::kController, message));
    EXPECT_FALSE(may(Speaker::kClient, message));
    EXPECT_FALSE(may(Speaker::kAgent, message));
  }
  EXPECT_TRUE(may(Speaker::kAgent, Goodbye{}));
  EXPECT_FALSE(may(Speaker::kClient, Event{}));
}

TEST(ControllerPeers, PassesOnWhatABreakerDid) {
  EXPECT_TRUE(may_say(Speaker::kAgent, static_cast<std::uint8_t>(Message(Event{}).index())));
  World w;
  w.bench.say(w.agents[0], Event{0, "breaker_opened", "rank 1: closed -> open: 5 failures in a row",
                                 about_rank(RankId(1))});
  EXPECT_THAT(w.bench.events, Contains("breaker_opened"));
  EXPECT_THAT(w.bench.texts,
              Contains("rank 0 of its peer rank 1: closed -> open: 5 failures in a row"));
  EXPECT_FALSE(w.bench.closed(w.agents[0]));
  EXPECT_EQ(w.status()["view"]["epoch"], 1);  // a breaker changes no membership
  EXPECT_EQ(w.status()["events"].back()["rank"], 0);
  const auto known = [](const char* state) {
    return nlohmann::json::array({{{"rank", 0}, {"peer", 1}, {"state", state}}});
  };
  EXPECT_EQ(w.status()["breakers"], known("open"));
  w.bench.say(w.agents[0], Event{0, "breaker_probing", "", about_rank(RankId(1))});
  EXPECT_EQ(w.status()["breakers"], known("probing"));
  w.bench.disconnect(w.agents[1]);  // its next life begins anew
  EXPECT_EQ(w.status()["breakers"], known("closed"));
  w.bench.say(w.agents[0], Event{0, "rank_dead", "rank 1"});
  EXPECT_TRUE(w.bench.closed(w.agents[0]));
}

// Lost by a router that lives, over and over: each new attempt has to be paid for.
TEST(ControllerPeers, ALostRequestIsTriedAgainWithinTheRetryBudget) {
  ControllerOptions options = World::options();
  options.retries = {0, 1, 100};  // one a second, and one to start with
  options.retry_wait = {Duration(1), Duration(1), 1};
  options.attempts_max = 4;
  World w(options);
  Submit wish;
  wish.requests.resize(1);
  w.bench.say(w.client, wish);
  w.bench.pass(seconds(2));
  const auto lose = [&] {
    const auto given = w.bench.heard<Assign>(w.agents[0]);
    if (given.empty()) return false;
    w.bench.say(w.agents[0], Progress{given.back().id, given.back().attempt, 5, {1}});  // a gap
    w.bench.pass(milliseconds(50));
    return true;
  };
  int lost = 0;
  while (lose()) ++lost;
  EXPECT_EQ(lost, 4);  // the first attempt, and three that were saved up for
  EXPECT_THAT(w.bench.heard<RequestDone>(w.client).at(0).error, HasSubstr("4 attempts failed"));

  w.bench.say(w.client, wish);
  ASSERT_TRUE(lose());
  EXPECT_FALSE(lose());
  EXPECT_THAT(w.bench.events, Contains("retries_short"));
  EXPECT_THAT(w.bench.heard<RequestDone>(w.client), SizeIs(0));  // it waits
  w.bench.pass(milliseconds(1100));
  EXPECT_TRUE(lose());
}

// The wait before another try, in ticks of 50 ms, of requests that their router lost.
std::vector<int> waits_of(std::uint64_t seed) {
  ControllerOptions options = World::options();
  options.retries = {1, 1000, 1000};
  options.retry_wait = {seconds(1), seconds(60), 1};
  options.seed = seed;
  World w(options);
  w.bench.say(w.client, Submit{std::vector<NewRequest>(8)});
  std::vector<int> waits(8, -1);
  for (const Assign& given : w.bench.heard<Assign>(w.agents[0])) {
    w.bench.say(w.agents[0], Progress{given.id, given.attempt, 5, {1}});  // a gap
  }
  EXPECT_THAT(w.bench.heard<Assign>(w.agents[0]), SizeIs(0));
  for (int tick = 0; tick < 30; ++tick) {
    for (const Assign& again : w.bench.heard<Assign>(w.agents[0])) waits[again.id.index()] = tick;
    w.bench.pass(milliseconds(50));
  }
  return waits;
}

TEST(ControllerPeers, ARetryWaitsForARandomWhile) {
  const auto waits = waits_of(1);
  EXPECT_THAT(waits, Not(Contains(-1)));  // none above the ceiling of one second
  EXPECT_GT(std::set<int>(waits.begin(), waits.end()).size(), 4U);  // each its own
  EXPECT_EQ(waits, waits_of(1));                                    // of the seed and nothing else
  EXPECT_NE(waits, waits_of(2));
}

TEST(ControllerPeers, ADeadRoutersRequestsGoOnWithoutABudget) {
  ControllerOptions options = World::options();
  options.retries = {0, 0.001, 1};
  World w(options);
  Submit wish;
  wish.requests.resize(50);
  w.bench.say(w.client, wish);
  w.bench.disconnect(w.agents[0]);
  w.bench.play_along(w.agents);  // the spare routes
  EXPECT_THAT(w.bench.heard<Assign>(w.agents[2]), SizeIs(50));
}

// A host that is busy with loading says nothing for far longer than a serving rank may.
// One router, as `launch` has by default: it waits for an expert rank whose engine has come to a
// stop while its heartbeats go on. The expert rank is replaced, not the router.
TEST(ControllerPeers, TheHungExpertRankIsFoundWhereOneRouterWaits) {
  ControllerOptions options;
  options.ranks = 4;
  options.spares = 1;
  ControllerBench bench(options);
  std::vector<ConnectionId> agents;
  const RankKind kinds[] = {RankKind::kRouter, RankKind::kExpert, RankKind::kExpert,
                            RankKind::kSpare};
  for (std::uint32_t r = 0; r < 4; ++r) agents.push_back(bench.join(r, kinds[r]));
  bench.play_along(agents);
  const auto client = bench.connect(PeerKind::kClient);
  Submit wish;
  wish.requests.resize(1);
  bench.say(client, wish);
  bench.pass(seconds(4));
  for (const std::size_t r : {0U, 1U}) bench.silence(agents[r]);  // from here on by hand
  const TimePoint start = bench.now;
  while (bench.now < start + seconds(14) && !bench.closed(agents[1])) {
    bench.say(agents[1], Heartbeat{Phase::kServing, Epoch(1), 7, 0, 1});
    bench.say(agents[0], Heartbeat{Phase::kServing, Epoch(1), 9, 1, 0});
    bench.say(agents[0], LoadReport{});
    bench.say(agents[0], Evidence{Epoch(1), 1000, {RankId(1)}});
    bench.pass(milliseconds(250));
  }
  EXPECT_TRUE(bench.closed(agents[1]));
  EXPECT_THAT(bench.texts, Contains(HasSubstr("rank 1 life 1: dead: its peers suspect it")));
  bench.play_along(agents);
  EXPECT_FALSE(bench.closed(agents[0]));
  EXPECT_THAT(bench.texts, Contains(HasSubstr("(rank 1 died): 3 members")));
}

// A router whose engine hangs before it takes up anything says that it has nothing to do; the
// ledger knows better.
TEST(ControllerPeers, TheRouterThatTakesNothingUpIsFound) {
  World w;
  Submit wish;
  wish.requests.resize(1);
  w.bench.say(w.client, wish);
  w.bench.silence(w.agents[0]);
  const TimePoint start = w.bench.now;
  while (w.bench.now < start + seconds(14)) {
    w.bench.say(w.agents[0], Heartbeat{Phase::kParked, Epoch(), 0, 0, 0});
    w.bench.pass(milliseconds(250));
    ASSERT_FALSE(w.bench.closed(w.agents[0]));
  }
  while (w.bench.now < start + seconds(17) && !w.bench.closed(w.agents[0])) {
    w.bench.say(w.agents[0], Heartbeat{Phase::kParked, Epoch(), 0, 0, 0});
    w.bench.pass(milliseconds(250));
  }
  EXPECT_THAT(w.bench.texts, Contains(HasSubstr("has work but no step")));
}

TEST(ControllerPeers, LoadingForLongIsNotTakenForDeath) {
  const HealthConfig health;
  ASSERT_GT(seconds(20), 5 * health.serving.silent_dead);
  World w;
  w.bench.say(w.client, Command{Wish::kScale, 2});
  const auto prepare = w.bench.heard<Prepare>(w.agents[2]);
  ASSERT_THAT(prepare, SizeIs(1));
  Heartbeat loading;
  loading.phase = Phase::kLoading;
  w.bench.say(w.agents[2], loading);
  w.bench.silence(w.agents[2]);
  w.bench.pass(seconds(20));
  EXPECT_FALSE(w.bench.closed(w.agents[2]));
  EXPECT_THAT(w.bench.events, Not(Contains("rank_dead")));
  EXPECT_EQ(w.status()["ranks"][2]["health"], "starting");
  EXPECT_EQ(w.status()["ranks"][2]["health_reasons"][0]["factor"], "starting_up");
  w.bench.say(w.agents[2], Prepared{prepare[0].view->epoch, {}});
  EXPECT_EQ(w.status()["view"]["members"].size(), 3U);
  // The same silence of a rank that serves is death.
  w.bench.silence(w.agents[1]);
  w.bench.pass(seconds(20));
  EXPECT_TRUE(w.bench.closed(w.agents[1]));
}

TEST(ControllerPeers, WithoutLoadReportsNoRankIsHealthy) {
  World w;
  EXPECT_EQ(w.status()["ranks"][1]["health"], "unknown");
  EXPECT_EQ(w.status()["ranks"][1]["health_reasons"][0]["text"], "no load report has come");
  w.bench.say(w.agents[1], LoadReport{});
  EXPECT_EQ(w.status()["ranks"][1]["health"], "healthy");
  EXPECT_TRUE(w.status()["ranks"][1]["health_reasons"].empty());
}

// The router waits for rank 1 nearly always and for rank 2 hardly ever: the status says so.
TEST(ControllerPeers, ARankThatTheOthersWaitForIsSlow) {
  ControllerOptions options = World::options();
  World w(options);
  LoadReport waits;  // every quarter of a second
  waits.seconds = 0.25;
  waits.wait_us_by_peer.resize(options.ranks);
  waits.bytes_by_peer.resize(options.ranks);
  for (const std::size_t r : {1U, 2U}) {
    waits.wait_us_by_peer[r] = r == 1 ? 175'000 : 20'000;
    waits.bytes_by_peer[r] = 1'000;
  }
  w.bench.load(w.agents[0], waits);
  w.bench.pass(seconds(6));
  const auto slow = w.status()["ranks"][1];
  EXPECT_EQ(slow["health"], "degraded");
  EXPECT_EQ(slow["health_reasons"][0]["factor"], "slow");
  EXPECT_THAT(slow["health_text"].get<std::string>(),
              HasSubstr("slow: rank 0 waited 3.5 of 5.0 s for it, 0.4 s for others"));
  EXPECT_EQ(w.status()["ranks"][2]["health_text"], "healthy");
}

TEST(ControllerPeers, ItsPartsSayWhenTheyRanLastAndWhy) {
  ControllerOptions options = World::options();
  options.balancing.mode = BalancingMode::kAdvisory;
  options.scaling.mode = ScalingMode::kAdvisory;
  World w(options);
  w.bench.pass(seconds(30));
  const auto parts = w.status()["parts"];
  EXPECT_LT(parts["detector"]["last_run_age_s"].get<double>(), 1);
  EXPECT_LT(parts["balancer"]["last_run_age_s"].get<double>(), 11);
  EXPECT_NE(parts["balancer"]["last_reason"], nullptr);
  EXPECT_LT(parts["autoscaler"]["last_run_age_s"].get<double>(), 6);
  EXPECT_NE(parts["autoscaler"]["last_reason"], nullptr);
}

}  // namespace
}  // namespace switchyard::control
