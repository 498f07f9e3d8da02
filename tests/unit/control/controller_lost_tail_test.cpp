// The end of the journal is lost with the controller: ranks follow views that the next one does not
// know. No number is given to a second view, and nobody is refused for what it follows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "runtime/control/journal_record.h"
#include "tests/unit/control/controller_bench.h"

namespace switchyard::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Rank 0 routes, 1 to 3 hold two copies of everything; the view is epoch 1.
struct World {
  static ControllerOptions options() {
    ControllerOptions out;
    out.ranks = 4;
    out.replicas = 2;
    return out;
  }
  World() : bench(options()) {
    for (std::uint32_t r = 0; r < 4; ++r) agents.push_back(bench.join(facts(r)));
    bench.play_along(agents);
  }
  static Register facts(std::uint32_t r) {
    return ControllerBench::rank(r, r == 0 ? RankKind::kRouter : RankKind::kExpert);
  }
  // Epoch 2, without the rank.
  void lose(std::uint32_t rank) {
    bench.disconnect(agents[rank]);
    bench.play_along(agents);
  }
  // The journal from its first record of that kind behind epoch 1 on.
  template <class M>
  void cut() {
    bool started = false;
    for (std::size_t i = 0; i < bench.journal.size(); ++i) {
      const auto record = decode_record(bench.journal[i]);
      ASSERT_TRUE(record.has_value());
      const bool wanted = std::holds_alternative<M>(record->message);
      if (started && wanted) return bench.journal.resize(i);
      started = started || std::holds_alternative<Commit>(record->message);
    }
    FAIL() << "there is none";
  }
  // The same life, which follows the epoch.
  void come_back(std::uint32_t rank, Epoch epoch) {
    Register asks = facts(rank);
    asks.incarnation = Incarnation(1);
    asks.epoch = epoch;
    agents[rank] = bench.join(asks);
  }
  std::uint32_t epoch() {
    const auto now = nlohmann::json::parse(bench.controller().status_json(bench.now));
    return now["view"]["epoch"];
  }

  ControllerBench bench;
  std::vector<ConnectionId> agents;
};

TEST(ControllerLostTail, NoNumberIsGivenToASecondView) {
  World world;
  world.lose(3);
  world.cut<Commit>();  // it is known that rank 3 is dead, and not what followed
  world.bench.restart();
  EXPECT_EQ(world.epoch(), 1U);
  world.bench.pass(milliseconds(200));
  world.come_back(0, Epoch(1));
  world.come_back(1, Epoch(2));
  EXPECT_FALSE(world.bench.closed(world.agents[1]));
  EXPECT_EQ(world.epoch(), 1U) << "rank 2 may know of more";
  EXPECT_THAT(world.bench.heard<Commit>(world.agents[0]), IsEmpty());
  world.come_back(2, Epoch(2));
  EXPECT_THAT(world.bench.heard<Prepare>(world.agents[1]), SizeIs(1))
      << "what it holds is not what epoch 1 says";
  for (std::uint32_t r = 1; r < 3; ++r) world.bench.say(world.agents[r], Prepared{Epoch(3), {}});
  EXPECT_EQ(world.epoch(), 3U);
}

TEST(ControllerLostTail, WhatRanksToldIsRemembered) {
  World world;
  world.lose(3);
  world.cut<Commit>();
  world.bench.restart();
  world.come_back(1, Epoch(2));
  world.bench.restart();
  for (std::uint32_t r = 0; r < 3; ++r) world.come_back(r, Epoch(1));
  EXPECT_EQ(world.epoch(), 3U);
}

TEST(ControllerLostTail, AViewThatIsFollowedIsReplacedAtOnce) {
  World world;
  const auto client = world.bench.connect(PeerKind::kClient);
  world.bench.say(client, Command{Wish::kDrain, 3});
  world.bench.play_along(world.agents);
  EXPECT_EQ(world.epoch(), 2U);
  world.cut<Command>();
  world.bench.restart();
  for (std::uint32_t r = 0; r < 4; ++r) world.come_back(r, Epoch(2));
  for (const auto& welcome : world.bench.heard<Welcome>(world.agents[1])) {
    EXPECT_EQ(welcome.view, nullptr) << "it follows a newer one";
  }
  world.bench.say(world.agents[0], Adopted{Epoch(2)});  // said again, as agents do
  EXPECT_FALSE(world.bench.closed(world.agents[0]));
  world.bench.play_along(world.agents);
  EXPECT_EQ(world.epoch(), 3U);
  EXPECT_THAT(world.bench.events, Contains("epoch_unknown"));
}

TEST(ControllerLostTail, WhatWasPreparedIsUndoneWhenNobodyFollowsIt) {
  for (const bool committed : {false, true}) {
    World world;
    const auto client = world.bench.connect(PeerKind::kClient);
    world.bench.say(client, Command{Wish::kDrain, 3});
    world.bench.play_along(world.agents);
    world.cut<Commit>();  // that it was prepared is known
    world.bench.restart();
    for (std::uint32_t r = 1; r < 4; ++r) world.come_back(r, Epoch(1));
    EXPECT_THAT(world.bench.heard<Rollback>(world.agents[1]), IsEmpty()) << "rank 0 may follow it";
    world.come_back(0, committed ? Epoch(2) : Epoch(1));
    EXPECT_THAT(world.bench.heard<Rollback>(world.agents[1]), SizeIs(committed ? 0 : 1));
  }
}

// Its engine hangs, say: the others do not wait for it for ever.
TEST(ControllerLostTail, WhoCannotPrepareIsLeftOut) {
  World world;
  world.lose(3);
  world.cut<Commit>();
  world.bench.restart();
  for (std::uint32_t r = 0; r < 3; ++r) world.come_back(r, Epoch(2));
  world.bench.say(world.agents[2], Prepared{Epoch(3), "its engine hangs"});
  world.bench.play_along({world.agents[0], world.agents[1]});
  EXPECT_EQ(world.epoch(), 4U);
}

// One life that does not come back holds the others up no longer than the window.
TEST(ControllerLostTail, NobodyIsWaitedForLongerThanTheWindow) {
  World world;
  world.lose(3);
  world.cut<Commit>();
  world.bench.restart();
  world.come_back(0, Epoch(2));
  world.come_back(1, Epoch(2));
  world.bench.pass(milliseconds(4900));
  EXPECT_EQ(world.epoch(), 1U);
  world.bench.pass(milliseconds(300));
  world.bench.play_along({world.agents[0], world.agents[1]});
  EXPECT_EQ(world.epoch(), 3U);
}

// No controller has lost a hundred thousand views.
TEST(ControllerLostTail, BelievesNothingThatCannotBe) {
  World world;
  world.bench.restart();
  world.come_back(1, Epoch(1'000'000));
  EXPECT_THAT(world.bench.heard<Refused>(world.agents[1]), SizeIs(1));
  world.come_back(0, Epoch(1));
  world.bench.say(world.agents[0], Heartbeat{Phase::kServing, Epoch(1'000'000), 0, 0, 0});
  EXPECT_TRUE(world.bench.closed(world.agents[0]));
}

}  // namespace
}  // namespace switchyard::control
