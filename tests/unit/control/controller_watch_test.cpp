// Clients that watch: they are fed as they take it, and the cluster waits for them at its end.
#include <gmock/gmock.h>

#include <set>

#include "tests/unit/control/controller_bench.h"

namespace switchyard::control {
namespace {

using std::chrono::seconds;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::size_t kRequests = 50;
constexpr std::size_t kResultBytes = 400;

// Rank 0 routes and has done fifty requests, rank 1 holds experts; two results fit the window.
struct World {
  explicit World() : bench(options()) {
    agents = {bench.join(0, RankKind::kRouter), bench.join(1, RankKind::kExpert)};
    bench.play_along(agents);
    Submit wish;
    wish.requests.resize(kRequests);
    bench.say(bench.connect(PeerKind::kClient), wish);
    for (const Assign& given : bench.heard<Assign>(agents[0])) {
      bench.say(agents[0],
                Finished{given.id, 1, {}, std::vector<std::byte>(kResultBytes, std::byte{7})});
    }
    client = bench.connect(PeerKind::kClient);
  }
  static ControllerOptions options() {
    ControllerOptions out;
    out.ranks = 2;
    out.watch_window_bytes = 2 * kResultBytes;
    return out;
  }
  ControllerBench bench;
  std::vector<ConnectionId> agents;
  ConnectionId client;
};

TEST(ControllerWatch, FeedsWhatItHasAsItIsTaken) {
  World w;
  w.bench.say(w.client, Command{Wish::kWatch, 0});
  std::set<RequestId> got;
  std::size_t rounds = 0;
  for (auto some = w.bench.heard<RequestDone>(w.client); !some.empty();
       some = w.bench.heard<RequestDone>(w.client)) {
    EXPECT_LE(some.size(), 2U);
    for (const RequestDone& done : some) {
      EXPECT_THAT(done.payload, SizeIs(kResultBytes));
      EXPECT_TRUE(got.insert(done.id).second) << "twice";
    }
    w.bench.pass(seconds(1));
    EXPECT_THAT(w.bench.heard<RequestDone>(w.client), IsEmpty()) << "time alone makes no room";
    w.bench.drain(w.client);
    ++rounds;
  }
  EXPECT_THAT(got, SizeIs(kRequests));
  EXPECT_GE(rounds, kRequests / 2);
}

TEST(ControllerWatch, TheEndWaitsUntilEverythingIsTold) {
  World w;
  w.bench.say(w.client, Command{Wish::kWatch, 0});
  w.bench.say(w.client, Command{Wish::kShutdown, 0});
  for (const ConnectionId agent : w.agents) {
    w.bench.say(agent, Goodbye{std::vector<std::byte>(kResultBytes)});
  }
  std::size_t results = 0;
  std::size_t words = 0;
  for (std::size_t i = 0; i < kRequests && !w.bench.stopped; ++i) {
    results += w.bench.heard<RequestDone>(w.client).size();
    words += w.bench.heard<RankLeft>(w.client).size();
    w.bench.drain(w.client);
  }
  results += w.bench.heard<RequestDone>(w.client).size();
  words += w.bench.heard<RankLeft>(w.client).size();
  EXPECT_TRUE(w.bench.stopped);
  EXPECT_EQ(results, kRequests);
  EXPECT_EQ(words, 2U);
}

TEST(ControllerWatch, TheEndDoesNotWaitForWhoDoesNotRead) {
  World w;
  w.bench.say(w.client, Command{Wish::kWatch, 0});
  w.bench.say(w.client, Command{Wish::kShutdown, 0});
  for (const ConnectionId agent : w.agents) w.bench.say(agent, Goodbye{});
  EXPECT_FALSE(w.bench.stopped);
  w.bench.pass(seconds(21));
  EXPECT_TRUE(w.bench.stopped);
}

// What a dead rank did is not lost with it: its last words are what it had reported, also for a
// client that comes later, to another controller.
TEST(ControllerWatch, TellsWhatADeadRankHadReported) {
  World w;
  w.bench.say(w.client, Command{Wish::kWatch, 0});
  LoadReport report;
  report.seconds = 1;
  report.tokens = 9;
  report.restricted_rows = {{"eu", "us", 4}};
  w.bench.say(w.agents[0], report);
  w.bench.say(w.agents[0], report);
  w.bench.disconnect(w.agents[0]);
  const auto check = [&](ConnectionId client) {
    std::vector<RankLeft> left;
    for (bool more = true; more; w.bench.drain(client)) {
      const bool results = !w.bench.heard<RequestDone>(client).empty();
      for (RankLeft& each : w.bench.heard<RankLeft>(client)) left.push_back(std::move(each));
      more = results;
    }
    ASSERT_THAT(left, SizeIs(1));
    EXPECT_EQ(left[0].rank, RankId(0));
    EXPECT_TRUE(left[0].payload.empty());
    EXPECT_EQ(left[0].last.life, Incarnation(1));
    EXPECT_TRUE(left[0].last.router);
    EXPECT_FALSE(left[0].last.expert);
    EXPECT_EQ(left[0].last.tokens, 18U);
    ASSERT_THAT(left[0].last.restricted_rows, SizeIs(1));
    EXPECT_EQ(left[0].last.restricted_rows[0].rows, 8U);
  };
  check(w.client);
  const auto snapshot = w.bench.controller().snapshot();
  for (const auto& records : {w.bench.journal, snapshot}) {
    w.bench.journal = records;
    w.bench.restart();
    const auto client = w.bench.connect(PeerKind::kClient);
    w.bench.say(client, Command{Wish::kWatch, 0});
    check(client);
  }
}

}  // namespace
}  // namespace switchyard::control
