// What clients ask of the controller, and what it refuses to believe.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "runtime/control/controller.h"
#include "tests/unit/control/controller_bench.h"

namespace switchyard::control {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Ranks 0 and 1 route, 2 and 3 hold experts, 4 is a spare; 1 and 3 are in us, the others in eu.
struct World {
  static ControllerOptions options() {
    ControllerOptions out;
    out.ranks = 5;
    out.spares = 1;
    out.residency = {{"eu/gdpr", {"eu"}}, {"moon", {"moon"}}, {"nowhere", {}}};
    return out;
  }
  explicit World(ControllerOptions from = options()) : bench(std::move(from)) {
    client = bench.connect(PeerKind::kClient);
    bench.say(client, Command{Wish::kWatch, 0});
    const RankKind kinds[] = {RankKind::kRouter, RankKind::kRouter, RankKind::kExpert,
                              RankKind::kExpert, RankKind::kSpare};
    for (std::uint32_t r = 0; r < 5; ++r) {
      Register asks = ControllerBench::rank(r, kinds[r]);
      asks.region = r % 2 == 0 ? "eu" : "us";
      agents.push_back(bench.join(asks));
    }
    bench.play_along(agents);
    (void)bench.heard<Answer>(client);
  }
  std::string ask(Wish wish, std::uint32_t amount = 0) {
    bench.say(client, Command{wish, amount});
    const auto answers = bench.heard<Answer>(client);
    return answers.empty() ? "nothing" : answers.back().code;
  }
  std::vector<RequestDone> submit(const std::string& regime) {
    Submit wish;
    wish.requests.resize(1);
    wish.requests[0].regime = regime;
    bench.say(client, wish);
    return bench.heard<RequestDone>(client);
  }
  nlohmann::json view() {
    return nlohmann::json::parse(bench.controller().status_json(bench.now))["view"];
  }
  ControllerBench bench;
  ConnectionId client;
  std::vector<ConnectionId> agents;
};

TEST(ControllerWishes, ScalesUpAndDownOneAtATime) {
  World w;
  EXPECT_EQ(w.ask(Wish::kScale, 0), "invalid");
  EXPECT_EQ(w.ask(Wish::kScale, 4), "too_few_ranks");
  EXPECT_EQ(w.ask(Wish::kScale, 3), "ok");
  EXPECT_EQ(w.ask(Wish::kScale, 2), "busy");
  EXPECT_EQ(w.ask(Wish::kRebalance), "busy");
  w.bench.play_along(w.agents);
  EXPECT_EQ(w.view()["members"].size(), 5U);
  EXPECT_EQ(w.ask(Wish::kScale, 2), "ok");
  w.bench.play_along(w.agents);
  EXPECT_EQ(w.view()["members"].size(), 4U);
}

TEST(ControllerWishes, DrainsARankAndASpareTakesItsPlace) {
  World w;
  EXPECT_EQ(w.ask(Wish::kDrain, 9), "unknown_rank");
  EXPECT_EQ(w.ask(Wish::kDrain, 3), "ok");
  EXPECT_THAT(w.bench.heard<Drain>(w.agents[3]), SizeIs(1));
  w.bench.play_along(w.agents);
  std::vector<int> ranks;
  const nlohmann::json view = w.view();
  for (const auto& member : view["members"]) ranks.push_back(member["rank"]);
  EXPECT_THAT(ranks, ElementsAre(0, 1, 2, 4));
  EXPECT_EQ(w.ask(Wish::kDrain, 2), "ok");
  w.bench.play_along(w.agents);
  EXPECT_EQ(w.ask(Wish::kDrain, 4), "too_few_ranks");
}

TEST(ControllerWishes, RollsBackAChangeThatIsNotPrepared) {
  World w;
  EXPECT_EQ(w.ask(Wish::kScale, 3), "ok");
  w.bench.pass(seconds(61));
  EXPECT_THAT(w.bench.events, ::testing::Contains("view_rolled_back"));
  EXPECT_EQ(w.view()["epoch"], 1);
  EXPECT_EQ(w.ask(Wish::kScale, 2), "ok");
}

// One spare cannot load: the other is tried. None can: the wish is given up, not tried for ever.
TEST(ControllerWishes, GivesUpAChangeThatNobodyCanLoad) {
  ControllerOptions options = World::options();
  options.ranks = 6;
  options.spares = 2;
  World w(options);
  w.agents.push_back(w.bench.join(5, RankKind::kSpare));
  w.bench.play_along(w.agents);
  EXPECT_EQ(w.ask(Wish::kScale, 3), "ok");
  for (const std::size_t spare : {4U, 5U}) {
    ASSERT_FALSE(w.bench.has_event("wish_given_up"));
    const auto asked = w.bench.heard<Prepare>(w.agents[spare]);
    ASSERT_THAT(asked, SizeIs(1)) << "rank " << spare;
    w.bench.say(w.agents[spare], Prepared{asked[0].view->epoch, "no such file"});
  }
  EXPECT_TRUE(w.bench.has_event("wish_given_up"));
  EXPECT_THAT(w.bench.texts, ::testing::Contains(HasSubstr("could not prepare: no such file")));
  w.bench.pass(seconds(200));
  EXPECT_THAT(w.bench.heard<Prepare>(w.agents[4]), IsEmpty());
  EXPECT_THAT(w.bench.heard<Prepare>(w.agents[5]), IsEmpty());
  EXPECT_EQ(w.ask(Wish::kScale, 3), "ok");  // it may be asked for again
}

TEST(ControllerWishes, EndsWhenEverybodyHasSaidGoodbye) {
  World w;
  EXPECT_EQ(w.ask(Wish::kShutdown), "ok");
  for (std::size_t i = 0; i < w.agents.size(); ++i) {
    EXPECT_FALSE(w.bench.stopped);
    EXPECT_THAT(w.bench.heard<Leave>(w.agents[i]), SizeIs(1));
    w.bench.say(w.agents[i], Goodbye{{std::byte{7}}});
  }
  EXPECT_TRUE(w.bench.stopped);
  EXPECT_THAT(w.bench.heard<RankLeft>(w.client), SizeIs(5));
}

TEST(ControllerWishes, EndsRequestsNow) {
  World w;
  w.submit("");
  EXPECT_EQ(w.ask(Wish::kEndNow), "ok");
  EXPECT_EQ(w.bench.heard<Cancel>(w.agents[0]).at(0).how, CancelHow::kEndNow);
}

TEST(ControllerWishes, KeepsRequestsInTheirRegions) {
  World w;
  EXPECT_THAT(w.submit("").size(), 0U);
  EXPECT_THAT(w.submit("nowhere").at(0).error, HasSubstr("residency_forbidden"));
  EXPECT_THAT(w.submit("unheard of").at(0).error, HasSubstr("residency_forbidden"));
  EXPECT_THAT(w.submit("eu/gdpr"), IsEmpty());
  const auto given = w.bench.heard<Assign>(w.agents[0]);
  ASSERT_THAT(given, SizeIs(2));
  EXPECT_THAT(given[1].allowed, ElementsAre(0, 2, 4));
  EXPECT_THAT(w.submit("moon"), IsEmpty());
  w.bench.pass(seconds(11));
  EXPECT_THAT(w.bench.heard<RequestDone>(w.client).at(0).error,
              HasSubstr("residency_unsatisfiable: no router in moon"));
}

TEST(ControllerWishes, ReloadsInsideTheRegionThatLostItsExperts) {
  World w;
  w.submit("eu/gdpr");
  w.bench.disconnect(w.agents[2]);  // all experts of eu; the spare is in eu
  w.bench.play_along(w.agents);
  const nlohmann::json view = w.view();
  ASSERT_EQ(view["members"].back()["rank"], 4);
  EXPECT_EQ(view["members"].back()["experts_held"], 16);
}

// The codec lets no such text in; what an operator configured, or a later way in, must not end the
// controller either.
TEST(ControllerWishes, SaysHowItIsWhateverTextItWasGiven) {
  World w;
  w.bench.disconnect(w.agents[4]);
  Register strange = ControllerBench::rank(4, RankKind::kSpare);
  strange.region = "eu";
  strange.host = "\xff";
  w.agents[4] = w.bench.join(strange);
  EXPECT_THAT(w.bench.controller().status_json(w.bench.now), HasSubstr("\xEF\xBF\xBD"));
  // Cut between characters, never inside one.
  w.bench.say(w.agents[0], Event{0, "breaker_opened", std::string(399, 'x') + "\xC3\xA9", {}});
  EXPECT_THAT(w.bench.texts, ::testing::Contains(::testing::EndsWith("xxx")));
}

TEST(ControllerWishes, BelievesNothingThatCannotBe) {
  const std::vector<std::pair<Message, std::string>> lies = {
      {Heartbeat{Phase::kServing, Epoch(9), 0, 0, 0}, "epoch 9 was never made"},
      {Evidence{Epoch(1), 5, {RankId(9)}}, "rank 9 is no slot"},
      {Evidence{Epoch(1), 5, {RankId(0)}}, "rank 0"},
      {Prepared{Epoch(5), {}}, "never made"},
      {Adopted{Epoch(5)}, "never committed"},
      {Progress{RequestId(7), 1, 0, {1}}, "not its own"},
      {Finished{RequestId(7), 1, {}, {}}, "not its own"},
      {Register{}, "registered twice"},
      {Commit{}, "not a message of an agent"},
      {Submit{}, "not a message of an agent"},
  };
  for (const auto& [lie, words] : lies) {
    World w;
    w.bench.say(w.agents[0], lie);
    EXPECT_TRUE(w.bench.closed(w.agents[0])) << words;
    EXPECT_THAT(w.bench.texts, ::testing::Contains(HasSubstr(words)));
    EXPECT_FALSE(w.bench.closed(w.agents[1]));
  }
  World w;
  const auto stranger = w.bench.connect(PeerKind::kAgent);
  w.bench.say(stranger, Heartbeat{});
  EXPECT_TRUE(w.bench.closed(stranger));
  w.bench.say(w.client, Goodbye{});
  EXPECT_TRUE(w.bench.closed(w.client));
}

}  // namespace
}  // namespace switchyard::control
