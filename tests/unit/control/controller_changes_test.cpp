// Changes that were asked for and cannot be done: they are taken back when their time is over, with
// the reason, and the cluster takes the next one.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/unit/control/controller_bench.h"

namespace switchyard::control {
namespace {

using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// Ranks 0 and 1 route, 2 and 3 hold experts, 4 is a spare.
struct World {
  static ControllerOptions options() {
    ControllerOptions out;
    out.ranks = 5;
    out.spares = 1;
    out.change_deadline = seconds(100);
    return out;
  }
  explicit World(ControllerOptions from = options()) : bench(std::move(from)) {
    join_client();
    const RankKind kinds[] = {RankKind::kRouter, RankKind::kRouter, RankKind::kExpert,
                              RankKind::kExpert, RankKind::kSpare};
    for (std::uint32_t r = 0; r < 5; ++r) agents.push_back(bench.join(r, kinds[r]));
    bench.play_along(agents);
    (void)bench.heard<Answer>(client);
  }
  void join_client() {
    client = bench.connect(PeerKind::kClient);
    bench.say(client, Command{Wish::kWatch, 0});
    (void)bench.heard<Answer>(client);
  }
  Answer ask(Wish wish, std::uint32_t amount = 0) {
    bench.say(client, Command{wish, amount});
    const auto answers = bench.heard<Answer>(client);
    return answers.empty() ? Answer{} : answers.back();
  }
  void submit(std::size_t count) {
    Submit wish;
    wish.requests.resize(count);
    bench.say(client, wish);
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
  ControllerBench bench;
  ConnectionId client;
  std::vector<ConnectionId> agents;
};

TEST(ControllerChanges, ADrainThatIsDoneInTimeStays) {
  World w;
  const Answer answer = w.ask(Wish::kDrain, 3);
  EXPECT_TRUE(answer.accepted);
  EXPECT_THAT(answer.reason, HasSubstr("not done within 100 s"));
  EXPECT_EQ(w.status()["ranks"][3]["drain_left_s"], 100);
  w.bench.play_along(w.agents);
  EXPECT_TRUE(w.bench.has_event("drain_done"));
  w.bench.pass(seconds(200));
  EXPECT_EQ(w.status()["ranks"][3]["cordoned"], true);
  EXPECT_EQ(w.status()["ranks"][3]["drain_left_s"], nullptr);
  EXPECT_FALSE(w.bench.has_event("drain_taken_back"));
  EXPECT_THAT(w.members(), ElementsAre(0, 1, 2, 4));
}

// A router whose requests do not end keeps its place and takes new ones again.
TEST(ControllerChanges, ADrainThatDoesNotEndIsTakenBack) {
  World w;
  w.submit(2);  // one on each router
  ASSERT_TRUE(w.ask(Wish::kDrain, 1).accepted);
  w.bench.play_along(w.agents);
  EXPECT_EQ(w.ask(Wish::kDrain, 0).code, "busy");
  w.bench.pass(seconds(99));
  EXPECT_FALSE(w.bench.has_event("drain_taken_back"));
  EXPECT_THAT(w.bench.heard<Undrain>(w.agents[1]), IsEmpty());
  w.bench.pass(seconds(2));
  EXPECT_THAT(w.bench.texts, Contains(HasSubstr("rank 1 goes back to work after 100 s: 1 of its "
                                                "requests are open")));
  EXPECT_THAT(w.bench.heard<Undrain>(w.agents[1]), SizeIs(1));
  EXPECT_EQ(w.status()["ranks"][1]["cordoned"], false);
  w.bench.play_along(w.agents);
  EXPECT_THAT(w.members(), Contains(1));
  // It gets requests again, and another change may be asked for.
  (void)w.bench.heard<Assign>(w.agents[1]);
  w.submit(4);
  EXPECT_THAT(w.bench.heard<Assign>(w.agents[1]), Not(IsEmpty()));
  EXPECT_TRUE(w.ask(Wish::kDrain, 3).accepted);
}

// Nobody can load what the rank holds; what is being tried at the end is rolled back with it.
TEST(ControllerChanges, ADrainThatNobodyCanTakeOverIsTakenBack) {
  ControllerOptions options = World::options();
  options.prepare_deadline = seconds(30);
  options.change_deadline = seconds(40);
  World w(options);
  ASSERT_TRUE(w.ask(Wish::kDrain, 3).accepted);
  w.bench.pass(seconds(41));
  EXPECT_TRUE(w.bench.has_event("drain_taken_back"));
  EXPECT_EQ(w.status()["transaction"], nullptr);
  w.bench.pass(seconds(100));
  w.bench.play_along(w.agents);
  EXPECT_EQ(w.status()["ranks"][3]["cordoned"], false);
  EXPECT_THAT(w.members(), Contains(3));
  EXPECT_TRUE(w.ask(Wish::kScale, 2).accepted);
}

// The operator's own word ends it, before its time, and while it is under way.
TEST(ControllerChanges, AnUndrainEndsADrainThatIsUnderWay) {
  World w;
  w.submit(2);
  ASSERT_TRUE(w.ask(Wish::kDrain, 1).accepted);
  w.bench.play_along(w.agents);
  const Answer answer = w.ask(Wish::kUndrain, 1);
  EXPECT_TRUE(answer.accepted) << answer.reason;
  EXPECT_THAT(w.bench.heard<Undrain>(w.agents[1]), SizeIs(1));
  EXPECT_EQ(w.status()["ranks"][1]["cordoned"], false);
  w.bench.pass(seconds(101));
  EXPECT_FALSE(w.bench.has_event("drain_taken_back"));
  EXPECT_THAT(w.members(), Contains(1));
}

// Drained and gone from the view, it comes back into it; the next controller knows.
TEST(ControllerChanges, AnUndrainedRankWorksAgain) {
  World w;
  ASSERT_TRUE(w.ask(Wish::kDrain, 3).accepted);
  w.bench.play_along(w.agents);
  ASSERT_THAT(w.members(), Not(Contains(3)));
  w.bench.disconnect(w.agents[4]);  // the spare that came in its place
  w.bench.play_along(w.agents);
  ASSERT_THAT(w.members(), Not(Contains(3)));
  EXPECT_EQ(w.ask(Wish::kUndrain, 9).code, "unknown_rank");
  ASSERT_TRUE(w.ask(Wish::kUndrain, 3).accepted);
  w.bench.play_along(w.agents);
  EXPECT_THAT(w.members(), Contains(3));
  w.bench.restart();
  EXPECT_EQ(w.status()["ranks"][3]["cordoned"], false);
}

// What was drained is the life, not the slot: the next process there takes part at once.
TEST(ControllerChanges, ADrainEndsWithTheLifeOfTheRank) {
  for (const bool restarts : {false, true}) {
    World w;
    w.bench.disconnect(w.agents[4]);  // no spare takes its place
    w.submit(2);
    ASSERT_TRUE(w.ask(Wish::kDrain, 1).accepted);
    w.bench.disconnect(w.agents[1]);
    EXPECT_TRUE(w.bench.has_event("drain_done"));
    if (restarts) {
      w.bench.restart();
      EXPECT_EQ(w.status()["ranks"][1]["drain_left_s"], nullptr);
      continue;
    }
    w.agents[1] = w.bench.join(1, RankKind::kRouter);
    EXPECT_EQ(w.status()["ranks"][1]["cordoned"], false);
    EXPECT_EQ(w.status()["ranks"][1]["drain_left_s"], nullptr);
    w.bench.pass(seconds(1));
    w.bench.play_along(w.agents);
    EXPECT_THAT(w.members(), Contains(1));
    EXPECT_THAT(w.bench.heard<Drain>(w.agents[1]), IsEmpty());
    w.submit(4);
    EXPECT_THAT(w.bench.heard<Assign>(w.agents[1]), Not(IsEmpty()));
    w.bench.pass(seconds(200));
    EXPECT_FALSE(w.bench.has_event("drain_taken_back"));
  }
}

TEST(ControllerChanges, ATakenBackDrainIsRemembered) {
  World w;
  w.submit(2);
  ASSERT_TRUE(w.ask(Wish::kDrain, 1).accepted);
  w.bench.pass(seconds(101));
  ASSERT_TRUE(w.bench.has_event("drain_taken_back"));
  w.bench.restart();
  EXPECT_EQ(w.status()["ranks"][1]["cordoned"], false);
}

// The time begins anew with a controller that comes back, and ends.
TEST(ControllerChanges, ADrainUnderWayIsTakenBackByTheNextController) {
  World w;
  w.submit(2);
  ASSERT_TRUE(w.ask(Wish::kDrain, 1).accepted);
  w.bench.pass(seconds(50));
  w.bench.restart();
  ASSERT_EQ(w.status()["ranks"][1]["drain_left_s"], 100);
  for (std::uint32_t r = 0; r < 5; ++r) {
    Register again = ControllerBench::rank(r, r < 2   ? RankKind::kRouter
                                              : r < 4 ? RankKind::kExpert
                                                      : RankKind::kSpare);
    again.incarnation = Incarnation(1);
    again.epoch = Epoch(1);
    if (r < 2) again.held = {{RequestId(r), 1, {}}};
    w.agents[r] = w.bench.join(again);
  }
  EXPECT_THAT(w.bench.heard<Drain>(w.agents[1]), SizeIs(1));
  EXPECT_THAT(w.bench.heard<Undrain>(w.agents[0]), SizeIs(1));
  w.bench.pass(seconds(101));
  EXPECT_TRUE(w.bench.has_event("drain_taken_back"));
  EXPECT_THAT(w.bench.heard<Undrain>(w.agents[1]), SizeIs(1));
}

// Rank 4 dies before it has loaded: no spare is left, and the wish does not stand for ever.
TEST(ControllerChanges, AScalingThatCannotBeDoneIsTakenBack) {
  World w;
  const Answer answer = w.ask(Wish::kScale, 3);
  EXPECT_THAT(answer.reason, HasSubstr("not done within 100 s"));
  w.bench.disconnect(w.agents[4]);
  w.bench.pass(seconds(10));
  w.bench.play_along(w.agents);
  EXPECT_EQ(w.ask(Wish::kScale, 2).code, "busy");
  EXPECT_EQ(w.status()["cluster"]["target_experts"], 3);
  w.bench.pass(seconds(95));
  EXPECT_THAT(w.bench.texts, Contains(HasSubstr("3 expert ranks were not there within 100 s")));
  EXPECT_TRUE(w.bench.has_event("scale_taken_back"));
  EXPECT_EQ(w.status()["cluster"]["target_experts"], 2);
  EXPECT_TRUE(w.ask(Wish::kDrain, 1).accepted);
}

TEST(ControllerChanges, AScalingThatIsDoneHasNoEnd) {
  World w;
  ASSERT_TRUE(w.ask(Wish::kScale, 3).accepted);
  w.bench.play_along(w.agents);
  w.bench.pass(seconds(200));
  EXPECT_FALSE(w.bench.has_event("scale_taken_back"));
  EXPECT_EQ(w.status()["cluster"]["target_experts"], 3);
}

// A rank that routes and holds experts gives those up first; taken back, it holds experts again.
TEST(ControllerChanges, ATakenBackDrainGivesBothRolesBack) {
  ControllerOptions options = World::options();
  options.ranks = 3;
  options.spares = 0;
  ControllerBench bench(options);
  const auto client = bench.connect(PeerKind::kClient);
  std::vector<ConnectionId> agents;
  for (std::uint32_t r = 0; r < 3; ++r) agents.push_back(bench.join(r, RankKind::kBoth));
  bench.play_along(agents);
  Submit wish;
  wish.requests.resize(3);
  bench.say(client, wish);
  bench.say(client, Command{Wish::kDrain, 2});
  bench.play_along(agents);
  const auto holders = [&] {
    std::vector<int> out;
    const auto now = nlohmann::json::parse(bench.controller().status_json(bench.now));
    for (const auto& member : now["view"]["members"]) {
      if (member["expert"] == true) out.push_back(member["rank"]);
    }
    return out;
  };
  EXPECT_THAT(holders(), ElementsAre(0, 1));
  bench.pass(seconds(101));
  bench.play_along(agents);
  EXPECT_TRUE(bench.has_event("drain_taken_back"));
  EXPECT_THAT(holders(), ElementsAre(0, 1, 2));
}

}  // namespace
}  // namespace switchyard::control
