#include "runtime/control/controller.h"

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

using Bench = ControllerBench;

// Ranks 0 and 1 route, 2 and 3 hold experts, 4 is a spare; a client watches.
struct Cluster {
  explicit Cluster(ControllerOptions options) : bench(std::move(options)) {
    client = bench.connect(PeerKind::kClient);
    bench.say(client, Command{Wish::kWatch, 0});
    for (std::uint32_t r = 0; r < 5; ++r) {
      agents.push_back(bench.join(r, r < 2   ? RankKind::kRouter
                                     : r < 4 ? RankKind::kExpert
                                             : RankKind::kSpare));
    }
    bench.play_along(agents);
    (void)bench.heard<Answer>(client);
  }
  static ControllerOptions options() {
    ControllerOptions out;
    out.ranks = 5;
    out.spares = 1;
    return out;
  }
  static ControllerOptions replicated() {
    ControllerOptions out = options();
    out.replicas = 2;
    return out;
  }
  void submit(std::size_t count, const std::string& regime = {}) {
    Submit wish;
    for (std::size_t i = 0; i < count; ++i) {
      NewRequest request;
      request.name = "r" + std::to_string(submitted++);
      request.regime = regime;
      wish.requests.push_back(request);
    }
    bench.say(client, wish);
  }
  Answer ask(Wish wish, std::uint32_t amount = 0) {
    bench.say(client, Command{wish, amount});
    auto answers = bench.heard<Answer>(client);
    return answers.empty() ? Answer{} : answers.back();
  }
  nlohmann::json status() {
    return nlohmann::json::parse(bench.controller().status_json(bench.now));
  }

  Bench bench;
  ConnectionId client;
  std::size_t submitted = 0;
  std::vector<ConnectionId> agents;
};

TEST(Controller, StartsWhenAllSlotsAreTakenAndExpertsAreLoaded) {
  ControllerOptions options;
  options.ranks = 3;
  Bench bench(options);
  const auto router = bench.join(0, RankKind::kRouter);
  const auto expert = bench.join(1, RankKind::kExpert);
  EXPECT_THAT(bench.heard<Prepare>(expert), IsEmpty());
  const auto spare = bench.join(2, RankKind::kSpare);
  EXPECT_EQ(bench.heard<Welcome>(spare).at(0).incarnation, Incarnation(1));
  const auto prepare = bench.heard<Prepare>(expert);
  ASSERT_THAT(prepare, SizeIs(1));
  EXPECT_EQ(prepare[0].view->epoch, Epoch(1));
  EXPECT_THAT(bench.heard<Prepare>(router), IsEmpty());
  EXPECT_THAT(bench.heard<Commit>(router), IsEmpty());
  bench.say(expert, Prepared{Epoch(1), {}});
  const auto commit = bench.heard<Commit>(router);
  ASSERT_THAT(commit, SizeIs(1));
  EXPECT_EQ(commit[0].view->members.size(), 2U);
  EXPECT_THAT(bench.heard<Retire>(expert), IsEmpty());
  bench.say(router, Adopted{Epoch(1)});
  EXPECT_EQ(bench.heard<Retire>(expert).at(0).oldest, Epoch(1));
}

TEST(Controller, StartsWithWhoIsThereAfterTheDeadline) {
  ControllerOptions options;
  options.ranks = 3;
  options.start_deadline = seconds(5);
  Bench bench(options);
  bench.join(0, RankKind::kRouter);
  const auto expert = bench.join(1, RankKind::kExpert);
  bench.pass(milliseconds(4900));
  EXPECT_THAT(bench.heard<Prepare>(expert), IsEmpty());
  bench.pass(milliseconds(200));
  EXPECT_THAT(bench.heard<Prepare>(expert), SizeIs(1));
}

// mpirun hangs, say: requests end with the reason, not their client's patience.
TEST(Controller, RequestsEndWhereNoViewEverComes) {
  ControllerOptions options;
  options.ranks = 2;
  options.start_deadline = seconds(2);
  options.stranded_after = seconds(3);
  Bench bench(options);
  const auto client = bench.connect(PeerKind::kClient);
  bench.say(client, Command{Wish::kWatch, 0});
  Submit wish;
  wish.requests.resize(1);
  bench.say(client, wish);
  std::vector<ConnectionId> agents = {bench.join(0, RankKind::kRouter)};
  bench.pass(milliseconds(4900));
  EXPECT_THAT(bench.heard<RequestDone>(client), IsEmpty());
  bench.pass(milliseconds(200));
  const auto ended = bench.heard<RequestDone>(client);
  ASSERT_THAT(ended, SizeIs(1));
  EXPECT_THAT(ended[0].error, HasSubstr("not_started: 1 of 2 ranks are there after 5 s"));
  // Who comes later has as long again, and is served once the ranks are there.
  bench.say(client, wish);
  bench.pass(milliseconds(2900));
  EXPECT_THAT(bench.heard<RequestDone>(client), IsEmpty());
  agents.push_back(bench.join(1, RankKind::kExpert));
  bench.play_along(agents);
  EXPECT_THAT(bench.heard<Assign>(agents[0]), SizeIs(1));
}

TEST(Controller, GoesOnAtOnceWhenEveryExpertHasACopyLeft) {
  ControllerOptions options = Cluster::replicated();
  options.ranks = 5;
  Cluster c(options);
  c.bench.disconnect(c.agents[4]);  // no spare
  (void)c.bench.heard<Commit>(c.agents[0]);
  c.bench.disconnect(c.agents[3]);
  const auto commit = c.bench.heard<Commit>(c.agents[0]);
  ASSERT_THAT(commit, SizeIs(1));
  EXPECT_EQ(commit[0].view->epoch, Epoch(2));
  EXPECT_THAT(c.bench.heard<Prepare>(c.agents[2]), IsEmpty());
  EXPECT_THAT(commit[0].view->placement.experts_of(0, RankId(2)), SizeIs(8));
  EXPECT_THAT(c.bench.heard<RankLeft>(c.client), SizeIs(2));
}

TEST(Controller, RestoresCopiesOnASpare) {
  Cluster c(Cluster::replicated());
  c.bench.disconnect(c.agents[3]);
  EXPECT_THAT(c.bench.heard<Commit>(c.agents[0]), SizeIs(1));
  const auto prepare = c.bench.heard<Prepare>(c.agents[4]);
  ASSERT_THAT(prepare, SizeIs(1));
  EXPECT_THAT(prepare[0].view->placement.experts_of(1, RankId(4)), SizeIs(8));
  c.bench.say(c.agents[4], Prepared{prepare[0].view->epoch, {}});
  EXPECT_EQ(c.bench.heard<Commit>(c.agents[0]).at(0).view->epoch, Epoch(3));
}

TEST(Controller, ReloadsLostExpertsOnTheSpareAndElseOnTheSurvivors) {
  Cluster c(Cluster::options());
  c.bench.disconnect(c.agents[3]);
  const auto prepare = c.bench.heard<Prepare>(c.agents[4]);
  ASSERT_THAT(prepare, SizeIs(1));
  EXPECT_THAT(prepare[0].view->placement.experts_of(0, RankId(4)), SizeIs(4));
  EXPECT_THAT(c.bench.heard<Prepare>(c.agents[2]), IsEmpty());
  c.bench.play_along(c.agents);
  c.bench.say(c.agents[4], Prepared{prepare[0].view->epoch, {}});
  c.bench.play_along(c.agents);
  c.bench.disconnect(c.agents[4]);
  const auto second = c.bench.heard<Prepare>(c.agents[2]);
  ASSERT_THAT(second, SizeIs(1));
  EXPECT_THAT(second[0].view->placement.experts_of(0, RankId(2)), SizeIs(8));
  c.bench.say(c.agents[2], Prepared{second[0].view->epoch, {}});
  EXPECT_EQ(c.status()["view"]["epoch"], 3);
}

TEST(Controller, ADeathDuringATransactionStartsItAnew) {
  Cluster c(Cluster::options());
  c.bench.disconnect(c.agents[3]);
  EXPECT_THAT(c.bench.heard<Prepare>(c.agents[4]), SizeIs(1));
  c.bench.disconnect(c.agents[4]);
  const auto prepare = c.bench.heard<Prepare>(c.agents[2]);
  ASSERT_THAT(prepare, SizeIs(1));
  EXPECT_EQ(prepare[0].view->epoch, Epoch(3));
  EXPECT_EQ(c.bench.heard<Rollback>(c.agents[2]).at(0).epoch, Epoch(2));
  c.bench.say(c.agents[2], Prepared{Epoch(2), {}});  // late: harmless
  EXPECT_THAT(c.bench.heard<Commit>(c.agents[0]), IsEmpty());
  c.bench.say(c.agents[2], Prepared{Epoch(3), {}});
  EXPECT_THAT(c.bench.heard<Commit>(c.agents[0]), SizeIs(1));
}

TEST(Controller, RetriesWithoutTheOneThatDoesNotPrepare) {
  ControllerOptions options = Cluster::options();
  options.prepare_deadline = seconds(3);
  Cluster c(options);
  c.bench.disconnect(c.agents[3]);
  EXPECT_THAT(c.bench.heard<Prepare>(c.agents[4]), SizeIs(1));
  c.bench.pass(seconds(3) + milliseconds(100));
  EXPECT_THAT(c.bench.heard<Rollback>(c.agents[4]), SizeIs(1));
  EXPECT_THAT(c.bench.heard<Prepare>(c.agents[2]), SizeIs(1));
}

TEST(Controller, MasksLostExpertsWhereToldTo) {
  ControllerOptions options = Cluster::options();
  options.loss = LossPolicy::kMask;
  Cluster c(options);
  c.bench.disconnect(c.agents[4]);
  (void)c.bench.heard<Commit>(c.agents[0]);
  c.bench.disconnect(c.agents[3]);
  const auto commit = c.bench.heard<Commit>(c.agents[0]);
  ASSERT_THAT(commit, SizeIs(1));
  EXPECT_EQ(commit[0].view->placement.masked_count(), 8U);
  EXPECT_THAT(c.bench.events, Contains("experts_masked"));
}

TEST(Controller, FailsRequestsWhereToldTo) {
  ControllerOptions options = Cluster::options();
  options.loss = LossPolicy::kFail;
  Cluster c(options);
  c.bench.disconnect(c.agents[4]);
  c.submit(2);
  c.bench.disconnect(c.agents[3]);
  const auto done = c.bench.heard<RequestDone>(c.client);
  ASSERT_THAT(done, SizeIs(2));
  EXPECT_THAT(done[0].error, HasSubstr("expert_lost"));
  c.submit(1);
  EXPECT_THAT(c.bench.heard<RequestDone>(c.client), SizeIs(1));
  // A new process in the slot brings them back.
  const auto back = c.bench.join(3, RankKind::kExpert);
  c.agents[3] = back;
  c.bench.play_along(c.agents);
  c.submit(1);
  EXPECT_THAT(c.bench.heard<RequestDone>(c.client), IsEmpty());
}

TEST(Controller, GivesADeadRoutersRequestsToAnother) {
  Cluster c(Cluster::options());
  c.submit(4);
  EXPECT_THAT(c.bench.heard<Assign>(c.agents[1]), SizeIs(2));
  const auto given = c.bench.heard<Assign>(c.agents[0]);
  ASSERT_THAT(given, SizeIs(2));
  EXPECT_EQ(given[0].id, RequestId(0));
  c.bench.say(c.agents[0], Progress{given[0].id, 1, 0, {7, 8}});
  c.bench.disconnect(c.agents[0]);
  const auto again = c.bench.heard<Assign>(c.agents[1]);
  ASSERT_THAT(again, SizeIs(2));
  EXPECT_EQ(again[0].attempt, 2U);
  EXPECT_THAT(again[0].tokens, ElementsAre(7, 8));
  EXPECT_THAT(c.bench.events, Contains("request_resumed"));
}

TEST(Controller, PromotesASpareWhenTheLastRouterDies) {
  Cluster c(Cluster::options());
  c.submit(2);
  c.bench.disconnect(c.agents[4]);
  c.agents[4] = c.bench.join(4, RankKind::kSpare);
  c.bench.play_along(c.agents);
  c.bench.disconnect(c.agents[0]);
  c.bench.play_along(c.agents);  // the spare takes the place
  EXPECT_EQ(c.status()["view"]["members"].size(), 4U);
  c.bench.disconnect(c.agents[1]);
  c.bench.play_along(c.agents);
  EXPECT_THAT(c.bench.heard<Assign>(c.agents[4]), Not(IsEmpty()));
}

TEST(Controller, EndsEachRequestOnceForEachClient) {
  Cluster c(Cluster::options());
  c.submit(1);
  c.bench.say(c.agents[0], Finished{RequestId(0), 1, {}, {std::byte{1}}});
  c.bench.say(c.agents[0], Finished{RequestId(0), 1, {}, {std::byte{1}}});
  EXPECT_THAT(c.bench.heard<RequestDone>(c.client), SizeIs(1));
  const auto second = c.bench.connect(PeerKind::kClient);
  c.bench.say(second, Command{Wish::kWatch, 0});
  const auto missed = c.bench.heard<RequestDone>(second);
  ASSERT_THAT(missed, SizeIs(1));
  EXPECT_THAT(missed[0].payload, SizeIs(1));
}

TEST(Controller, ReassignsWhereTokensAreMissing) {
  Cluster c(Cluster::options());
  c.submit(1);
  (void)c.bench.heard<Assign>(c.agents[0]);
  c.bench.say(c.agents[0], Progress{RequestId(0), 1, 3, {9}});
  EXPECT_THAT(c.bench.heard<Cancel>(c.agents[0]), SizeIs(1));
  c.bench.pass(milliseconds(100));  // above the longest rest before a second try
  const auto again = c.bench.heard<Assign>(c.agents[0]);
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0].attempt, 2U);
}

TEST(Controller, FencesALifeThatWasDeclaredDead) {
  Cluster c(Cluster::options());
  c.bench.disconnect(c.agents[3]);
  Register old = Bench::rank(3, RankKind::kExpert);
  old.incarnation = Incarnation(1);
  const auto refused = c.bench.join(old);
  EXPECT_THAT(c.bench.heard<Refused>(refused).at(0).reason, HasSubstr("fenced"));
  EXPECT_TRUE(c.bench.closed(refused));
  const auto fresh = c.bench.join(3, RankKind::kExpert);
  EXPECT_EQ(c.bench.heard<Welcome>(fresh).at(0).incarnation, Incarnation(2));
}

TEST(Controller, FindsASilentRank) {
  Cluster c(Cluster::options());
  c.bench.pass(seconds(5));
  EXPECT_THAT(c.bench.events, Not(Contains("rank_dead")));
  c.bench.silence(c.agents[3]);
  const TimePoint stopped = c.bench.now;
  while (!c.bench.closed(c.agents[3]) && c.bench.now < stopped + seconds(10)) {
    c.bench.pass(milliseconds(50));
  }
  EXPECT_TRUE(c.bench.closed(c.agents[3]));
  EXPECT_LE(c.bench.now - stopped, milliseconds(2500));
}

TEST(Controller, GoesOnWhereItWasAfterARestart) {
  Cluster c(Cluster::options());
  c.submit(3);
  c.bench.say(c.agents[0], Progress{RequestId(0), 1, 0, {5}});
  c.bench.restart();
  c.bench.pass(seconds(1));
  EXPECT_THAT(c.bench.events, Not(Contains("rank_dead")));
  for (std::uint32_t r = 0; r < 5; ++r) {
    Register again = Bench::rank(r, r < 2   ? RankKind::kRouter
                                    : r < 4 ? RankKind::kExpert
                                            : RankKind::kSpare);
    again.incarnation = Incarnation(1);
    again.epoch = Epoch(1);
    if (r == 0) again.held = {{RequestId(0), 1, {5, 6}}, {RequestId(2), 1, {}}};
    if (r == 1) again.held = {};  // lost request 1
    c.agents[r] = c.bench.join(again);
    EXPECT_THAT(c.bench.heard<Welcome>(c.agents[r]), SizeIs(1));
  }
  EXPECT_THAT(c.bench.heard<Assign>(c.agents[1]), IsEmpty());
  c.bench.pass(seconds(2));
  EXPECT_THAT(c.bench.heard<Assign>(c.agents[0]), IsEmpty());
  const auto again = c.bench.heard<Assign>(c.agents[1]);
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0].id, RequestId(1));
  EXPECT_EQ(again[0].attempt, 2U);
  EXPECT_EQ(c.status()["view"]["epoch"], 1);
}

// The client whose controller has died sends all of them again; others have sent theirs meanwhile.
TEST(Controller, TakesARequestOnceHoweverOftenItIsSent) {
  Cluster c(Cluster::options());
  c.submit(3);
  c.bench.restart();
  c.client = c.bench.connect(PeerKind::kClient);
  const auto another = c.bench.connect(PeerKind::kClient);
  NewRequest foreign;
  foreign.name = "another's";
  c.bench.say(another, Submit{{foreign, foreign}});
  EXPECT_EQ(c.status()["requests"]["submitted"], 4);
  c.submitted = 0;
  c.submit(5);
  EXPECT_EQ(c.status()["requests"]["submitted"], 6);
  const auto answers = c.bench.heard<Answer>(c.client);
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_TRUE(answers[0].accepted);
  c.bench.restart();
  EXPECT_EQ(c.status()["requests"]["submitted"], 6);
}

TEST(Controller, DeclaresDeadWhoDoesNotComeBackAfterARestart) {
  Cluster c(Cluster::options());
  c.bench.restart();
  c.bench.pass(milliseconds(4900));
  EXPECT_THAT(c.bench.events, Not(Contains("rank_dead")));
  c.bench.pass(milliseconds(200));
  EXPECT_EQ(std::ranges::count(c.bench.events, "rank_dead"), 5);
}

}  // namespace
}  // namespace switchyard::control
