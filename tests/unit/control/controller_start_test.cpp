// Deaths before the first view: nobody waits for the dead, spares and processes take their places.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "runtime/control/no_router.h"
#include "tests/unit/control/controller_bench.h"

namespace switchyard::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Rank 0 routes, the others hold experts, the last are spares.
struct World {
  World(std::uint32_t ranks, std::uint32_t spares, std::uint32_t spawns)
      : bench([&] {
          ControllerOptions out;
          out.ranks = ranks;
          out.spares = spares;
          out.spawns_max = spawns;
          return out;
        }()) {
    for (std::uint32_t r = 0; r < ranks; ++r) {
      agents.push_back(bench.join(r, r == 0                ? RankKind::kRouter
                                     : r + spares >= ranks ? RankKind::kSpare
                                                           : RankKind::kExpert));
    }
  }
  nlohmann::json status() {
    return nlohmann::json::parse(bench.controller().status_json(bench.now));
  }
  std::vector<std::uint32_t> members(const char* role) {
    std::vector<std::uint32_t> out;
    const auto now = status();
    if (!now["view"].is_object()) return out;
    for (const auto& member : now["view"]["members"]) {
      if (member[role]) out.push_back(member["rank"]);
    }
    return out;
  }
  // As `rank --slot` registers.
  void come_late(std::uint32_t rank) {
    Register asks = ControllerBench::rank(rank, RankKind::kSpare);
    asks.pid += 100;
    asks.address = "127.0.0.1:999/token";
    agents[rank] = bench.join(asks);
  }

  ControllerBench bench;
  std::vector<ConnectionId> agents;
};

TEST(ControllerStart, ASpareIsMadeTheRouterThatDied) {
  World world(4, 1, 0);
  EXPECT_THAT(world.bench.heard<Prepare>(world.agents[3]), IsEmpty());
  world.bench.disconnect(world.agents[0]);
  const auto prepare = world.bench.heard<Prepare>(world.agents[3]);
  ASSERT_THAT(prepare, SizeIs(1)) << "it makes its router's part before the view is committed";
  EXPECT_TRUE(prepare[0].view->find(RankId(3))->router);
  world.bench.say(world.agents[3], Prepared{prepare[0].view->epoch, {}});
  world.bench.play_along(world.agents);
  EXPECT_THAT(world.members("router"), ElementsAre(3));
  EXPECT_THAT(world.members("expert"), ElementsAre(1, 2));
}

TEST(ControllerStart, ASpareTakesTheExpertsOfARankThatDied) {
  World world(4, 1, 0);
  world.bench.disconnect(world.agents[1]);
  world.bench.play_along(world.agents);
  EXPECT_THAT(world.members("router"), ElementsAre(0));
  EXPECT_THAT(world.members("expert"), ElementsAre(2, 3));
}

TEST(ControllerStart, NobodyWaitsForTheDead) {
  World world(4, 0, 0);
  world.bench.disconnect(world.agents[1]);
  world.bench.play_along(world.agents);
  EXPECT_THAT(world.members("expert"), ElementsAre(2, 3));
  EXPECT_EQ(world.status()["cluster"]["target_experts"], 3) << "as many are still wanted";
}

TEST(ControllerStart, AProcessIsStartedForTheRouterAndWaitedFor) {
  World world(3, 0, 2);
  world.bench.disconnect(world.agents[0]);
  EXPECT_THAT(world.bench.spawns, ElementsAre(RankId(0)));
  world.bench.play_along(world.agents);
  EXPECT_FALSE(world.status()["view"].is_object());
  world.come_late(0);
  world.bench.play_along(world.agents);
  EXPECT_THAT(world.members("router"), ElementsAre(0));
  EXPECT_THAT(world.members("expert"), ElementsAre(1, 2));
}

TEST(ControllerStart, AProcessTakesThePlaceOfAnExpertRankToo) {
  World world(3, 0, 1);
  world.bench.disconnect(world.agents[1]);
  world.come_late(1);
  world.bench.play_along(world.agents);
  EXPECT_THAT(world.members("expert"), ElementsAre(1, 2));
}

TEST(ControllerStart, BeginsWithoutAProcessThatDoesNotCome) {
  World world(3, 0, 1);
  world.bench.disconnect(world.agents[1]);
  world.bench.pass(seconds(59));
  EXPECT_FALSE(world.status()["view"].is_object());
  world.bench.pass(seconds(2));
  world.bench.play_along(world.agents);
  EXPECT_THAT(world.bench.events, Contains("spawn_failed"));
  EXPECT_THAT(world.members("expert"), ElementsAre(2));
}

// One spare cannot stand for two, and before the first view a tick finds that out.
TEST(ControllerStart, AProcessComesForADeathThatASpareSeemedToCover) {
  ControllerOptions options;
  options.ranks = 5;
  options.spares = 1;
  options.spawns_max = 1;
  ControllerBench bench(options);
  (void)bench.join(0, RankKind::kRouter);
  const auto first = bench.join(1, RankKind::kExpert);
  const auto second = bench.join(2, RankKind::kExpert);
  (void)bench.join(3, RankKind::kSpare);  // slot 4 is waited for
  bench.disconnect(first);
  bench.disconnect(second);
  EXPECT_THAT(bench.spawns, IsEmpty());
  bench.pass(milliseconds(100));
  EXPECT_THAT(bench.spawns, ElementsAre(RankId(1)));
}

// The router that has no router's part is idle, and would be given everything.
TEST(ControllerStart, ARequestThatFindsNoRouterGoesToAnother) {
  ControllerOptions options;
  options.ranks = 3;
  ControllerBench bench(options);
  const auto client = bench.connect(PeerKind::kClient);
  bench.say(client, Command{Wish::kWatch, 0});
  std::vector<ConnectionId> agents = {bench.join(0, RankKind::kRouter),
                                      bench.join(1, RankKind::kRouter),
                                      bench.join(2, RankKind::kExpert)};
  bench.play_along(agents);
  Submit wish;
  wish.requests.resize(6);
  bench.say(client, wish);
  for (const Assign& assign : bench.heard<Assign>(agents[0])) {
    bench.say(agents[0], Finished{assign.id, assign.attempt, std::string(kNoRouterHere), {}});
  }
  EXPECT_THAT(bench.heard<RequestDone>(client), IsEmpty());
  EXPECT_THAT(bench.heard<Assign>(agents[0]), IsEmpty());
  EXPECT_THAT(bench.heard<Assign>(agents[1]), SizeIs(6));
}

}  // namespace
}  // namespace switchyard::control
