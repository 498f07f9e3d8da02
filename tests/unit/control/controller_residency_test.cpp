// Residency rules against a cluster that changes: whom a rule needs stays, who takes a place comes
// from the rule's regions, and a request that runs keeps to its regions and goes on.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "runtime/control/controller.h"
#include "runtime/control/residency.h"
#include "tests/unit/control/controller_bench.h"

namespace switchyard::control {
namespace {

using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Ranks 0 and 1 route, 2 and 3 hold experts; spare 4 is in us like 1 and 3, spare 5 in eu like 0
// and 2. Slot 6 stays empty.
struct World {
  static ControllerOptions options() {
    ControllerOptions out;
    out.ranks = 7;
    out.spares = 2;
    out.start_deadline = seconds(5);
    out.residency = {{"eu/gdpr", {"eu"}}};
    return out;
  }
  explicit World(std::uint32_t spares = 2, ControllerOptions from = options())
      : bench(std::move(from)) {
    client = bench.connect(PeerKind::kClient);
    bench.say(client, Command{Wish::kWatch, 0});
    for (std::uint32_t r = 0; r < 4 + spares; ++r) {
      const RankKind kind = r < 2   ? RankKind::kRouter
                            : r < 4 ? RankKind::kExpert
                                    : RankKind::kSpare;
      agents.push_back(bench.join(of(r, kind, r % 2 == (r < 4 ? 0 : 1) ? "eu" : "us")));
    }
    bench.pass(seconds(6));
    bench.play_along(agents);
    (void)bench.heard<Answer>(client);
  }
  static Register of(std::uint32_t number, RankKind kind, const std::string& region) {
    Register asks = ControllerBench::rank(number, kind);
    asks.region = region;
    return asks;
  }
  std::string ask(Wish wish, std::uint32_t amount) {
    bench.say(client, Command{wish, amount});
    const auto answers = bench.heard<Answer>(client);
    return answers.empty() ? "nothing" : answers.back().code;
  }
  void submit() {
    Submit wish;
    wish.requests.resize(1);
    wish.requests[0].regime = "eu/gdpr";
    bench.say(client, wish);
  }
  std::vector<int> members() {
    std::vector<int> out;
    const auto status = nlohmann::json::parse(bench.controller().status_json(bench.now));
    for (const auto& member : status["view"]["members"]) out.push_back(member["rank"]);
    return out;
  }
  ControllerBench bench;
  ConnectionId client;
  std::vector<ConnectionId> agents;
};

TEST(ControllerResidency, ARequestMayUseEverySlotOfItsRegions) {
  World w;
  w.submit();
  const auto given = w.bench.heard<Assign>(w.agents[0]);
  ASSERT_THAT(given, SizeIs(1));
  EXPECT_THAT(given[0].allowed, ElementsAre(0, 2, 5));
  EXPECT_EQ(given[0].origin, "eu");
}

// The region that it names before what its rule's name says.
TEST(ControllerResidency, ARequestIsCountedUnderItsOrigin) {
  EXPECT_EQ(counted_origin("fr", "eu/gdpr"), "fr");
  EXPECT_EQ(counted_origin("", "eu/gdpr"), "eu");
  EXPECT_EQ(counted_origin("", "gdpr"), "gdpr");
}

TEST(ControllerResidency, ShowsWhereRowsUnderARuleWent) {
  World w;
  LoadReport report;
  report.seconds = 1;
  report.restricted_rows = {{"eu", "eu", 4}, {"eu", "us", 0}};
  w.bench.say(w.agents[0], report);
  w.bench.say(w.agents[0], report);
  const auto status = nlohmann::json::parse(w.bench.controller().status_json(w.bench.now));
  EXPECT_EQ(status["restricted_rows"],
            nlohmann::json({{{"origin", "eu"}, {"region", "eu"}, {"rows_total", 8}},
                            {{"origin", "eu"}, {"region", "us"}, {"rows_total", 0}}}));
}

// Rank 2 in eu serves both rules. Going from the newest on, 4 and 3 go and 2 stays; with 2 as the
// newest of all it would go first, and both others would have to stay.
TEST(ControllerResidency, ScalesDownToTheRankThatServesSeveralRules) {
  ControllerOptions options;
  options.ranks = 5;
  options.residency = {{"a", {"eu", "us"}}, {"b", {"eu", "ap"}}};
  ControllerBench bench(options);
  const auto client = bench.connect(PeerKind::kClient);
  std::vector<ConnectionId> agents;
  const char* regions[] = {"eu", "eu", "us", "ap", "eu"};
  for (std::uint32_t r = 0; r < 5; ++r) {
    agents.push_back(
        bench.join(World::of(r, r < 2 ? RankKind::kRouter : RankKind::kExpert, regions[r])));
  }
  bench.play_along(agents);
  bench.say(client, Command{Wish::kScale, 1});
  const auto answers = bench.heard<Answer>(client);
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_TRUE(answers[0].accepted) << answers[0].reason;
  bench.play_along(agents);
  std::vector<int> experts;
  const auto status = nlohmann::json::parse(bench.controller().status_json(bench.now));
  for (const auto& member : status["view"]["members"]) {
    if (member["expert"] == true) experts.push_back(member["rank"]);
  }
  EXPECT_THAT(experts, ElementsAre(4));
}

// The spare that made the drain possible cannot load: the rule's last rank works on.
TEST(ControllerResidency, ADrainThatWouldBreakARuleByNowIsTakenBack) {
  World w;
  ASSERT_EQ(w.ask(Wish::kDrain, 2), "ok");
  const auto prepare = w.bench.heard<Prepare>(w.agents[5]);
  ASSERT_THAT(prepare, SizeIs(1));
  w.bench.say(w.agents[5], Prepared{prepare[0].view->epoch, "no memory"});
  w.bench.play_along(w.agents);
  EXPECT_THAT(w.members(), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(w.bench.events, Contains("drain_taken_back"));
  EXPECT_THAT(w.bench.heard<Undrain>(w.agents[2]), SizeIs(1));
}

TEST(ControllerResidency, ASlotKeepsItsRegion) {
  World w;
  w.bench.disconnect(w.agents[5]);
  const auto moved = w.bench.join(World::of(5, RankKind::kSpare, "us"));
  EXPECT_THAT(w.bench.heard<Refused>(moved), SizeIs(1));
  const auto back = w.bench.join(World::of(5, RankKind::kSpare, "eu"));
  EXPECT_THAT(w.bench.heard<Welcome>(back), SizeIs(1));
}

// Slot 6 had no region when the request was assigned; its first process holds the experts now.
TEST(ControllerResidency, ARequestThatHadNowhereToGoIsAssignedAnew) {
  World w(0);
  w.submit();
  const auto first = w.bench.heard<Assign>(w.agents[0]);
  ASSERT_THAT(first, SizeIs(1));
  ASSERT_THAT(first[0].allowed, ElementsAre(0, 2));
  w.bench.disconnect(w.agents[2]);
  w.bench.play_along(w.agents);
  w.bench.say(w.agents[0], Finished{first[0].id, 1, "residency_unsatisfiable: nowhere", {}});
  EXPECT_THAT(w.bench.heard<RequestDone>(w.client), IsEmpty());
  w.bench.pass(seconds(2));
  EXPECT_THAT(w.bench.heard<Assign>(w.agents[0]), IsEmpty());
  w.agents.push_back(w.bench.join(World::of(6, RankKind::kSpare, "eu")));
  w.bench.play_along(w.agents);
  EXPECT_THAT(w.members(), Contains(6));
  const auto second = w.bench.heard<Assign>(w.agents[0]);
  ASSERT_THAT(second, SizeIs(1));
  EXPECT_EQ(second[0].attempt, 2U);
  EXPECT_THAT(second[0].allowed, ElementsAre(0, 2, 6));
  EXPECT_THAT(w.bench.heard<RequestDone>(w.client), IsEmpty());
}

TEST(ControllerResidency, ARequestThatNobodyCanServeEndsAfterItsWait) {
  World w(0);
  w.submit();
  w.bench.disconnect(w.agents[2]);
  w.bench.play_along(w.agents);
  const auto given = w.bench.heard<Assign>(w.agents[0]);
  ASSERT_THAT(given, SizeIs(1));
  w.bench.say(w.agents[0], Finished{given[0].id, 1, "residency_unsatisfiable: nowhere", {}});
  w.bench.pass(seconds(11));
  const auto done = w.bench.heard<RequestDone>(w.client);
  ASSERT_THAT(done, SizeIs(1));
  EXPECT_THAT(done[0].error, HasSubstr("residency_unsatisfiable: no replica"));
}

TEST(ControllerResidency, TheSpareOfTheDeadRanksRegionTakesItsPlace) {
  World eu;
  eu.bench.disconnect(eu.agents[2]);
  eu.bench.play_along(eu.agents);
  EXPECT_THAT(eu.members(), ElementsAre(0, 1, 3, 5));
  World us;
  us.bench.disconnect(us.agents[3]);
  us.bench.play_along(us.agents);
  EXPECT_THAT(us.members(), ElementsAre(0, 1, 2, 4));
}

// No rule is about us; the region counts all the same, for routers too.
TEST(ControllerResidency, WithoutARuleTheRegionCountsAsWell) {
  ControllerOptions options = World::options();
  options.residency.clear();
  World w(2, options);
  w.bench.disconnect(w.agents[0]);
  w.bench.play_along(w.agents);
  EXPECT_THAT(w.members(), ElementsAre(1, 2, 3, 5));
}

TEST(ControllerResidency, RefusesToDrainWhomARuleNeeds) {
  World w(0);
  EXPECT_EQ(w.ask(Wish::kDrain, 2), "residency");
  EXPECT_EQ(w.ask(Wish::kDrain, 0), "residency");
  EXPECT_EQ(w.ask(Wish::kDrain, 3), "ok");
  w.bench.play_along(w.agents);
  EXPECT_THAT(w.members(), ElementsAre(0, 1, 2));
}

TEST(ControllerResidency, DrainsWhereASpareOfTheRegionIsThere) {
  World w;
  EXPECT_EQ(w.ask(Wish::kDrain, 2), "ok");
  w.bench.play_along(w.agents);
  EXPECT_THAT(w.members(), ElementsAre(0, 1, 3, 5));
  EXPECT_EQ(w.ask(Wish::kDrain, 5), "residency");
}

TEST(ControllerResidency, ScalesDownToThoseThatARuleNeeds) {
  ControllerOptions options = World::options();
  options.residency = {{"us/ccpa", {"us"}}};
  World w(0, options);
  EXPECT_EQ(w.ask(Wish::kScale, 1), "ok");  // 3 is the newest, and the rule needs it
  w.bench.play_along(w.agents);
  EXPECT_THAT(w.members(), ElementsAre(0, 1, 3));
}

TEST(ControllerResidency, RefusesToScaleBelowWhatTheRulesNeed) {
  ControllerOptions options = World::options();
  options.residency = {{"eu/gdpr", {"eu"}}, {"us/ccpa", {"us"}}};
  World w(0, options);
  EXPECT_EQ(w.ask(Wish::kScale, 1), "residency");
  w.bench.play_along(w.agents);
  EXPECT_THAT(w.members(), ElementsAre(0, 1, 2, 3));
  EXPECT_FALSE(w.bench.has_event("scale_asked"));
}

// The region's own spare was not there when its expert rank died; another one is serving now.
TEST(ControllerResidency, ARankThatARuleLacksJoinsAndAnotherGoes) {
  World w(1);
  w.bench.disconnect(w.agents[2]);
  w.bench.play_along(w.agents);
  EXPECT_THAT(w.members(), ElementsAre(0, 1, 3, 4));
  w.agents.push_back(w.bench.join(World::of(5, RankKind::kSpare, "eu")));
  w.bench.play_along(w.agents);
  EXPECT_THAT(w.members(), ElementsAre(0, 1, 3, 5));
}

// The rule of "eu" and "gdpr" together; without a rule of its own the regime's alone, and the
// router where the request comes from.
TEST(ControllerResidency, ARequestsOriginChoosesItsRuleAndItsRouter) {
  World w;
  const auto assigned = [&](const std::string& origin, const std::string& regime) {
    Submit wish;
    wish.requests.resize(1);
    wish.requests[0].origin = origin;
    wish.requests[0].regime = regime;
    w.bench.say(w.client, wish);
    std::vector<std::pair<std::uint32_t, std::size_t>> out;  // router, ranks that it may use
    for (std::uint32_t r = 0; r < 2; ++r) {
      for (const Assign& each : w.bench.heard<Assign>(w.agents[r])) {
        out.emplace_back(r, each.allowed.size());
      }
    }
    return out;
  };
  using Assigned = std::pair<std::uint32_t, std::size_t>;
  EXPECT_THAT(assigned("eu", "gdpr"), ElementsAre(Assigned{0, 3}));
  for (int i = 0; i < 3; ++i) EXPECT_THAT(assigned("us", ""), ElementsAre(Assigned{1, 0}));
  EXPECT_THAT(assigned("eu", ""), ElementsAre(Assigned{0, 0}));
  EXPECT_THAT(assigned("us", "gdpr"), IsEmpty());  // no rule: refused
  const auto refused = w.bench.heard<RequestDone>(w.client);
  ASSERT_THAT(refused, SizeIs(1));
  EXPECT_THAT(refused[0].error, HasSubstr("residency_forbidden"));
}

// A death leaves some experts masked, and some with copies outside the rule's regions alone, while
// nobody can take the dead rank's place: those that live load what the rule lacks.
TEST(ControllerResidency, IsMadeWholeAgainAlsoWhereExpertsAreMasked) {
  ControllerOptions options = World::options();
  options.ranks = 4;
  options.spares = 0;
  options.loss = LossPolicy::kMask;
  ControllerBench bench(options);
  const auto client = bench.connect(PeerKind::kClient);
  std::vector<ConnectionId> agents;
  for (std::uint32_t r = 0; r < 4; ++r) {
    const RankKind kind = r == 0 ? RankKind::kRouter : RankKind::kExpert;
    agents.push_back(bench.join(World::of(r, kind, r < 3 ? "eu" : "us")));
  }
  bench.play_along(agents);
  bench.disconnect(agents[1]);
  bench.play_along(agents);
  ASSERT_TRUE(bench.has_event("experts_masked"));
  bench.pass(seconds(1));
  bench.play_along(agents);
  Submit wish;
  wish.requests.resize(1);
  wish.requests[0].regime = "eu/gdpr";
  bench.say(client, wish);
  EXPECT_THAT(bench.heard<Assign>(agents[0]), SizeIs(1));
  const auto status = nlohmann::json::parse(bench.controller().status_json(bench.now));
  EXPECT_EQ(status["view"]["experts_masked"], 0);
}

}  // namespace
}  // namespace switchyard::control
