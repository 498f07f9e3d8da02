// Ranks whose engine hangs while their agent lives: nobody waits for them for ever.
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
using ::testing::SizeIs;

Register of(std::uint32_t number, RankKind kind, const std::string& region) {
  Register asks = ControllerBench::rank(number, kind);
  asks.region = region;
  return asks;
}

std::vector<int> experts_of(ControllerBench& bench) {
  std::vector<int> out;
  const auto status = nlohmann::json::parse(bench.controller().status_json(bench.now));
  if (!status["view"].is_object()) return out;
  for (const auto& member : status["view"]["members"]) {
    if (member["expert"] == true) out.push_back(member["rank"]);
  }
  return out;
}

// Two of four never load: each rests longer after each failure, so that both are left out at once.
TEST(ControllerStuck, TheFirstViewIsMadeWithoutThoseThatNeverLoad) {
  ControllerOptions options;
  options.ranks = 5;
  options.prepare_deadline = seconds(2);
  ControllerBench bench(options);
  std::vector<ConnectionId> agents;
  for (std::uint32_t r = 0; r < 5; ++r) {
    agents.push_back(bench.join(r, r == 0 ? RankKind::kRouter : RankKind::kExpert));
  }
  const std::vector<ConnectionId> sound = {agents[0], agents[3], agents[4]};
  for (int i = 0; i < 60 && experts_of(bench).empty(); ++i) {
    bench.play_along(sound);
    // Rank 1 loads the first time and hangs then, so that the two do not fail in step.
    for (const Prepare& first : bench.heard<Prepare>(agents[1])) {
      if (i == 0) bench.say(agents[1], Prepared{first.view->epoch, {}});
    }
    bench.pass(seconds(1));
  }
  EXPECT_THAT(experts_of(bench), ElementsAre(3, 4));
}

std::string state_of(ControllerBench& bench, std::size_t rank) {
  return nlohmann::json::parse(bench.controller().status_json(bench.now))["ranks"][rank]["state"];
}

// It is in no view, so that no exchange tells of it: its own failures do, and a new life is
// welcome.
TEST(ControllerStuck, ARankThatNeverPreparesIsGivenUpAfterThreeTimes) {
  ControllerOptions options;
  options.ranks = 4;
  options.prepare_deadline = seconds(2);
  ControllerBench bench(options);
  std::vector<ConnectionId> agents;
  for (std::uint32_t r = 0; r < 4; ++r) {
    agents.push_back(bench.join(r, r == 0 ? RankKind::kRouter : RankKind::kExpert));
  }
  agents.pop_back();  // the last one's engine hangs
  const ConnectionId client = bench.connect(PeerKind::kClient);
  for (int i = 0; i < 60 && state_of(bench, 3) != "dead"; ++i) {
    bench.play_along(agents);
    bench.say(client, Command{Wish::kScale, 3});  // refused while it is tried
    bench.pass(seconds(1));
  }
  EXPECT_EQ(state_of(bench, 3), "dead");
  EXPECT_THAT(experts_of(bench), ElementsAre(1, 2));
  agents.push_back(bench.join(3, RankKind::kExpert));
  for (int i = 0; i < 60 && experts_of(bench).size() < 3; ++i) {
    bench.play_along(agents);
    bench.say(client, Command{Wish::kScale, 3});
    bench.pass(seconds(1));
  }
  EXPECT_THAT(experts_of(bench), ElementsAre(1, 2, 3));
}

// Ranks 0 and 1 route, 2 to 4 hold experts; 0 and 2 are in eu, 1, 3 and 4 in us.
struct World {
  explicit World(std::uint32_t replicas = 1) : bench(options(replicas)) {
    client = bench.connect(PeerKind::kClient);
    for (std::uint32_t r = 0; r < 5; ++r) {
      agents.push_back(bench.join(
          of(r, r < 2 ? RankKind::kRouter : RankKind::kExpert, r == 0 || r == 2 ? "eu" : "us")));
    }
    bench.play_along(agents);
  }
  static ControllerOptions options(std::uint32_t replicas) {
    ControllerOptions out;
    out.ranks = 5;
    out.replicas = replicas;
    out.residency = {{"eu/gdpr", {"eu"}}};
    out.prepare_deadline = seconds(2);
    return out;
  }
  ControllerBench bench;
  ConnectionId client;
  std::vector<ConnectionId> agents;
};

// Rank 0's request may use rank 2 only; rank 1's goes round it and says nothing. One word is
// enough.
TEST(ControllerStuck, TheOnlyRouterThatHasToAskARankIsBelieved) {
  World w(3);  // a copy of everything everywhere
  Submit wish;
  wish.requests.resize(2);
  wish.requests[0].regime = "eu/gdpr";
  w.bench.say(w.client, wish);
  ASSERT_THAT(w.bench.heard<Assign>(w.agents[0]), SizeIs(1));
  ASSERT_THAT(w.bench.heard<Assign>(w.agents[1]), SizeIs(1));
  const Epoch epoch(1);
  for (int i = 0; i < 40 && !w.bench.has_event("rank_dead"); ++i) {
    w.bench.say(w.agents[0], Evidence{epoch, 1000, {RankId(2)}});
    // Its engine hangs: the agent beats, no load report comes.
    w.bench.pass(std::chrono::milliseconds(250));
  }
  const auto status = nlohmann::json::parse(w.bench.controller().status_json(w.bench.now));
  EXPECT_THAT(std::string(status["ranks"][2]["health_text"]),
              HasSubstr("reported silent by rank 0"));
  EXPECT_THAT(std::string(status["ranks"][2]["health_text"]),
              ::testing::Not(HasSubstr("it takes 2 reporters")));
}

// Rank 0 routes and waits for rank 2, which beats and has `jobs` waiting. All say so every 100 ms.
void stand_still(ControllerBench& bench, const std::vector<ConnectionId>& agents,
                 std::uint32_t jobs, Duration time) {
  for (Duration passed{}; passed < time; passed += std::chrono::milliseconds(100)) {
    Heartbeat waits;
    waits.phase = Phase::kServing;
    waits.steps = 7;
    waits.open_requests = 1;
    Heartbeat awaited = waits;
    awaited.open_requests = 0;
    awaited.open_jobs = jobs;
    bench.say(agents[0], waits);
    bench.say(agents[2], awaited);
    awaited.open_jobs = 0;
    bench.say(agents[1], awaited);
    for (const std::size_t expert : {1U, 2U}) bench.say(agents[expert], LoadReport{});
    const auto view = nlohmann::json::parse(bench.controller().status_json(bench.now))["view"];
    bench.say(agents[0], Evidence{Epoch(view["epoch"].get<std::uint32_t>()), 1000, {RankId(2)}});
    bench.play_along(agents);
    bench.pass(std::chrono::milliseconds(100));
  }
}

struct Waiting {
  Waiting() : bench(options()) {
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
  static ControllerOptions options() {
    ControllerOptions out;
    out.ranks = 3;
    return out;
  }
  std::size_t asked_again() const {
    return static_cast<std::size_t>(std::ranges::count_if(bench.texts, [](const std::string& text) {
      return text.find("asks again") != std::string::npos;
    }));
  }
  ControllerBench bench;
  std::vector<ConnectionId> agents;
};

// Whoever is awaited has nothing to do: what it was sent is lost. Asked again under a new epoch, a
// few times; then the usual judgement.
TEST(ControllerStuck, ARouterThatWaitsForAnIdleRankAsksAgain) {
  Waiting w;
  stand_still(w.bench, w.agents, 0, std::chrono::milliseconds(4900));
  EXPECT_EQ(w.asked_again(), 0U);
  stand_still(w.bench, w.agents, 0, std::chrono::milliseconds(400));
  EXPECT_EQ(w.asked_again(), 1U);
  EXPECT_FALSE(w.bench.has_event("rank_dead"));
  stand_still(w.bench, w.agents, 0, seconds(24));
  EXPECT_EQ(w.asked_again(), 3U);
  EXPECT_FALSE(w.bench.has_event("rank_dead"));
  stand_still(w.bench, w.agents, 0, seconds(21));
  EXPECT_EQ(w.asked_again(), 3U);
  EXPECT_TRUE(w.bench.has_event("rank_dead"));
}

// It computes: its answer will come.
TEST(ControllerStuck, ARouterThatWaitsForABusyRankDoesNotAskAgain) {
  Waiting w;
  stand_still(w.bench, w.agents, 1, seconds(12));
  EXPECT_EQ(w.asked_again(), 0U);
}

// A rule's only expert rank cannot load: a fit rank of the region takes its place.
TEST(ControllerStuck, ARuleThatNeedsARankThatCannotLoadGetsAnother) {
  ControllerOptions options = World::options(1);
  options.ranks = 6;
  options.spares = 1;
  ControllerBench bench(options);
  std::vector<ConnectionId> agents;
  for (std::uint32_t r = 0; r < 5; ++r) {
    agents.push_back(bench.join(
        of(r, r < 2 ? RankKind::kRouter : RankKind::kExpert, r == 0 || r == 2 ? "eu" : "us")));
  }
  agents.push_back(bench.join(of(5, RankKind::kSpare, "eu")));
  bench.play_along(agents);
  ASSERT_THAT(experts_of(bench), ElementsAre(2, 3, 4));
  // Rank 4 dies; what eu lacks of it rank 2 is to load, and does not.
  bench.disconnect(agents[4]);
  const std::vector<ConnectionId> sound = {agents[0], agents[1], agents[3], agents[5]};
  for (int i = 0; i < 10; ++i) {
    bench.play_along(sound);
    bench.pass(seconds(1));
  }
  EXPECT_THAT(experts_of(bench), Contains(5));
}

}  // namespace
}  // namespace switchyard::control
