// Copies that a death took come back by themselves, a few at a time, behind everything else.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/unit/control/controller_bench.h"

namespace switchyard::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::Not;

constexpr std::size_t kCopiesPerView = 3;

// Rank 0 routes, 1 to 4 hold two copies of everything.
struct World {
  static ControllerOptions options() {
    ControllerOptions out;
    out.ranks = 5;
    out.replicas = 2;
    out.balancing.copies_per_view = kCopiesPerView;
    return out;
  }
  explicit World(const ControllerOptions& from = options()) : bench(from) {
    client = bench.connect(PeerKind::kClient);
    for (std::uint32_t r = 0; r < from.ranks; ++r) {
      Register asks = ControllerBench::rank(r, r == 0 ? RankKind::kRouter : RankKind::kExpert);
      asks.host = r < 3 ? "a" : "b";
      agents.push_back(bench.join(asks));
    }
    play(seconds(1));
  }
  // Ranks do what they are told, for so long; how many copies the largest view loaded.
  std::size_t play(Duration time) {
    std::size_t most = 0;
    for (const TimePoint end = bench.now + time; bench.now < end;) {
      for (const ConnectionId agent : agents) {
        if (bench.closed(agent)) continue;
        for (const Prepare& prepare : bench.heard<Prepare>(agent)) {
          bench.say(agent, Prepared{prepare.view->epoch, {}});
        }
        for (const Commit& commit : bench.heard<Commit>(agent)) {
          if (view && view->epoch < commit.view->epoch) {
            most = std::max(most, loads_between(*view, *commit.view));
          }
          if (!view || view->epoch < commit.view->epoch) view = commit.view;
          bench.say(agent, Adopted{commit.view->epoch});
        }
      }
      bench.pass(milliseconds(250));
    }
    return most;
  }
  static std::size_t loads_between(const placement::View& from, const placement::View& to) {
    std::size_t loads = 0;
    for (std::size_t l = 0; l < to.placement.layers(); ++l) {
      for (std::uint32_t e = 0; e < to.placement.experts(); ++e) {
        const auto before = from.placement.replicas(l, ExpertId(e));
        for (const auto& copy : to.placement.replicas(l, ExpertId(e))) {
          loads +=
              std::ranges::none_of(before, [&](const auto& old) { return old.rank == copy.rank; });
        }
      }
    }
    return loads;
  }
  Answer ask(Wish wish, std::uint32_t amount) {
    bench.say(client, Command{wish, amount});
    const auto answers = bench.heard<Answer>(client);
    return answers.empty() ? Answer{} : answers.back();
  }
  nlohmann::json status() {
    return nlohmann::json::parse(bench.controller().status_json(bench.now));
  }
  int under_replicated() { return status()["view"]["experts_under_replicated"]; }

  ControllerBench bench;
  ConnectionId client;
  std::vector<ConnectionId> agents;
  std::shared_ptr<const placement::View> view;
};

TEST(ControllerRestore, CopiesThatADeathTookComeBackAFewAtATime) {
  World w;
  ASSERT_EQ(w.under_replicated(), 0);
  w.bench.disconnect(w.agents[4]);
  EXPECT_GT(w.under_replicated(), 0);
  const std::size_t most = w.play(seconds(10));
  EXPECT_GT(most, 0U);
  EXPECT_LE(most, kCopiesPerView);
  EXPECT_EQ(w.under_replicated(), 0);
  EXPECT_THAT(w.bench.events, Contains("replicas_short"));
  EXPECT_THAT(w.bench.events, Contains("replicas_restored"));
  // Rank 3 is the last on its host: the second copy of what 1 or 2 has is there.
  for (std::size_t l = 0; l < w.view->placement.layers(); ++l) {
    for (std::uint32_t e = 0; e < w.view->placement.experts(); ++e) {
      const auto copies = w.view->placement.replicas(l, ExpertId(e));
      ASSERT_EQ(copies.size(), 2U);
      EXPECT_EQ(copies.back().rank, RankId(3)) << "layer " << l << " expert " << e;
    }
  }
}

// Where there are fewer ranks than copies are wanted, every rank has everything, and nothing is
// owed.
TEST(ControllerRestore, NothingIsOwedThatNobodyCouldHold) {
  World w;
  for (const std::size_t dead : {4U, 3U, 2U}) {
    w.bench.disconnect(w.agents[dead]);
    w.play(seconds(10));
    EXPECT_EQ(w.under_replicated(), 0);
  }
  w.bench.events.clear();
  w.play(seconds(10));
  EXPECT_THAT(w.bench.events, Not(Contains("replicas_short")));
}

// An operator need not wait for it; it goes on after what was asked for.
TEST(ControllerRestore, GivesWayToWhatIsAskedFor) {
  World w;
  w.bench.disconnect(w.agents[4]);
  w.play(milliseconds(500));
  ASSERT_GT(w.under_replicated(), 0);
  Answer answer = w.ask(Wish::kReplicas, 1);
  for (int i = 0; i < 10 && answer.code == "busy"; ++i) {  // a batch is just being loaded
    w.play(milliseconds(250));
    answer = w.ask(Wish::kReplicas, 1);
  }
  EXPECT_TRUE(answer.accepted) << answer.reason;
  w.play(seconds(10));
  EXPECT_EQ(w.under_replicated(), 0);
  EXPECT_EQ(w.status()["cluster"]["target_replicas"], 1);
  EXPECT_THAT(w.bench.events, Contains("replicas_done"));
}

TEST(ControllerRestore, GoesOnUnderTheNextController) {
  World w;
  w.bench.disconnect(w.agents[4]);
  w.play(milliseconds(500));
  ASSERT_GT(w.under_replicated(), 0);
  w.bench.restart();
  for (std::uint32_t r = 0; r < 4; ++r) {
    Register again = ControllerBench::rank(r, r == 0 ? RankKind::kRouter : RankKind::kExpert);
    again.host = r < 3 ? "a" : "b";
    again.incarnation = Incarnation(1);
    again.epoch = w.view->epoch;
    w.agents[r] = w.bench.join(again);
    w.bench.say(w.agents[r], Adopted{w.view->epoch});
  }
  w.agents.resize(4);
  w.play(seconds(20));
  EXPECT_EQ(w.under_replicated(), 0);
}

// A rank that cannot load rests first, and costs nobody the wish for more ranks.
TEST(ControllerRestore, ARankThatCannotLoadIsTriedAgain) {
  World w;
  w.bench.disconnect(w.agents[4]);
  bool failed = false;
  for (int i = 0; i < 40 && !failed; ++i) {
    for (const ConnectionId agent : w.agents) {
      for (const Prepare& prepare : w.bench.heard<Prepare>(agent)) {
        w.bench.say(agent, Prepared{prepare.view->epoch, "no room"});
        failed = true;
      }
    }
    if (!failed) w.play(milliseconds(250));
  }
  EXPECT_THAT(w.bench.events, Not(Contains("wish_given_up")));
  w.play(seconds(130));
  EXPECT_EQ(w.under_replicated(), 0);
}

}  // namespace
}  // namespace switchyard::control
