// A process in place of a dead one: when it is asked for, how often, and what if it does not come.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/control/controller_bench.h"

namespace switchyard::control {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

ControllerOptions spawning(std::uint32_t spares, std::uint32_t spawns) {
  ControllerOptions options;
  options.ranks = 4;
  options.spares = spares;
  options.spawns_max = spawns;
  return options;
}

// A router and experts; the last one a spare where there is one.
std::vector<ConnectionId> start(ControllerBench& bench, std::uint32_t spares) {
  std::vector<ConnectionId> agents = {bench.join(0, RankKind::kRouter)};
  for (std::uint32_t r = 1; r < 4; ++r) {
    agents.push_back(bench.join(r, r + spares < 4 ? RankKind::kExpert : RankKind::kSpare));
  }
  bench.play_along(agents);
  return agents;
}

bool awaited(ControllerBench& bench, std::uint32_t rank) {
  const auto status = nlohmann::json::parse(bench.controller().status_json(bench.now));
  return status["ranks"][rank]["awaited"].get<bool>();
}

// As `rank --slot` registers.
Register late(std::uint32_t rank) {
  Register asks = ControllerBench::rank(rank, RankKind::kSpare);
  asks.pid += 100;
  asks.address = "127.0.0.1:999/token";
  return asks;
}

std::size_t members(ControllerBench& bench) {
  const auto status = nlohmann::json::parse(bench.controller().status_json(bench.now));
  return status["view"]["members"].size();
}

TEST(ControllerSpawn, FillsTheSlotAndTellsTheOthersWhereTheNewOneIs) {
  ControllerBench bench(spawning(0, 1));
  auto agents = start(bench, 0);
  bench.disconnect(agents[2]);
  EXPECT_THAT(bench.spawns, ElementsAre(RankId(2)));
  EXPECT_TRUE(awaited(bench, 2));
  agents.erase(agents.begin() + 2);
  bench.play_along(agents);
  EXPECT_EQ(members(bench), 3U);  // goes on without it meanwhile
  agents.push_back(bench.join(late(2)));
  EXPECT_FALSE(awaited(bench, 2));
  std::string address;
  for (int round = 0; round < 3; ++round) {
    for (const auto& prepare : bench.heard<Prepare>(agents.back())) {
      bench.say(agents.back(), Prepared{prepare.view->epoch, {}});
    }
    bench.pass(std::chrono::milliseconds(100));
  }
  for (const auto& commit : bench.heard<Commit>(agents[0])) {
    if (const auto* member = commit.view->find(RankId(2))) address = member->address;
  }
  EXPECT_EQ(address, "127.0.0.1:999/token");
  EXPECT_EQ(members(bench), 4U);
}

TEST(ControllerSpawn, SparesComeFirst) {
  ControllerBench bench(spawning(1, 1));
  auto agents = start(bench, 1);
  bench.disconnect(agents[1]);
  EXPECT_THAT(bench.spawns, IsEmpty());
  bench.play_along(agents);
  bench.disconnect(agents[2]);  // the spare works by now
  EXPECT_THAT(bench.spawns, ElementsAre(RankId(2)));
}

// The one spare cannot stand for both.
TEST(ControllerSpawn, ComesToALaterDeathThatASpareSeemedToCover) {
  ControllerBench bench(spawning(1, 1));
  auto agents = start(bench, 1);
  bench.disconnect(agents[1]);
  bench.disconnect(agents[2]);  // the spare is still getting ready for the first
  EXPECT_THAT(bench.spawns, IsEmpty());
  agents.erase(agents.begin() + 1, agents.begin() + 3);
  bench.play_along(agents);
  bench.pass(std::chrono::milliseconds(500));
  EXPECT_THAT(bench.spawns, ElementsAre(RankId(1)));
}

TEST(ControllerSpawn, GoesOnWithoutWhereNobodyComes) {
  ControllerBench bench(spawning(0, 1));
  auto agents = start(bench, 0);
  bench.disconnect(agents[2]);
  agents.erase(agents.begin() + 2);
  bench.play_along(agents);
  EXPECT_THAT(bench.events, Not(Contains("spawn_failed")));
  bench.pass(std::chrono::seconds(61));
  EXPECT_THAT(bench.events, Contains("spawn_failed"));
  EXPECT_FALSE(awaited(bench, 2));
  EXPECT_EQ(members(bench), 3U);
  bench.disconnect(agents[1]);  // the one that was allowed is used up
  EXPECT_THAT(bench.spawns, ElementsAre(RankId(2)));
  bench.restart();
  EXPECT_FALSE(awaited(bench, 2)) << "what was given up is not awaited again";
}

TEST(ControllerSpawn, IsRememberedByTheJournal) {
  ControllerBench bench(spawning(0, 1));
  auto agents = start(bench, 0);
  bench.disconnect(agents[2]);
  bench.restart();
  EXPECT_TRUE(awaited(bench, 2));
  bench.spawns.clear();
  bench.pass(std::chrono::seconds(10));  // the others do not come back: one by one they are dead
  EXPECT_THAT(bench.spawns, IsEmpty());
}

// Whoever starts the processes tells a second wish for one slot from the first by its number, also
// where the first process never came.
TEST(ControllerSpawn, NumbersWhatItAsksFor) {
  ControllerBench bench(spawning(0, 3));
  auto agents = start(bench, 0);
  bench.disconnect(agents[2]);
  agents.erase(agents.begin() + 2);
  bench.play_along(agents);
  const auto spawn_of = [&](std::uint32_t rank) {
    const auto status = nlohmann::json::parse(bench.controller().status_json(bench.now));
    return status["ranks"][rank]["spawn"].get<int>();
  };
  EXPECT_EQ(spawn_of(1), 0);
  EXPECT_EQ(spawn_of(2), 1);
  bench.pass(std::chrono::seconds(61));
  EXPECT_THAT(bench.events, Contains("spawn_failed"));
  EXPECT_EQ(spawn_of(2), 2);
  bench.restart();
  EXPECT_EQ(spawn_of(2), 2);
}

// The only router dies before the first view: the process in its slot comes as a spare, and routes.
TEST(ControllerSpawn, TakesARoleThatNobodyElseHasAtTheStart) {
  ControllerBench bench(spawning(0, 1));
  std::vector<ConnectionId> agents = {bench.join(0, RankKind::kRouter),
                                      bench.join(1, RankKind::kExpert),
                                      bench.join(2, RankKind::kExpert)};
  bench.disconnect(agents[0]);
  agents[0] = bench.join(late(0));
  agents.push_back(bench.join(3, RankKind::kExpert));
  bench.play_along(agents);
  EXPECT_EQ(members(bench), 4U);
}

TEST(ControllerSpawn, IsNotDoneUnlessAllowed) {
  ControllerBench bench(spawning(0, 0));
  const auto agents = start(bench, 0);
  bench.disconnect(agents[2]);
  EXPECT_THAT(bench.spawns, IsEmpty());
  EXPECT_FALSE(awaited(bench, 2));
}

}  // namespace
}  // namespace switchyard::control
