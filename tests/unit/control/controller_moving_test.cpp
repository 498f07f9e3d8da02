// Requests that a router was given and has not begun: others get them where it is to leave, or
// where they have nothing to do.
#include <gmock/gmock.h>

#include <array>
#include <set>

#include "tests/unit/control/controller_bench.h"

namespace switchyard::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::SizeIs;

constexpr std::uint32_t kSeats = 16;

// Ranks 0 and 1 route, rank 2 holds the experts. A router runs as many as it has seats, in order.
struct World {
  explicit World(std::uint32_t routers = 2, ControllerOptions with = {})
      : bench(options(std::move(with))) {
    client = bench.connect(PeerKind::kClient);
    bench.say(client, Command{Wish::kWatch, 0});
    agents.resize(3);
    agents[2] = bench.join(2, RankKind::kExpert);
    for (std::uint32_t r = 0; r < routers; ++r) join(r);
    if (routers < 2) bench.pass(seconds(3));  // it begins without the other
    settle();
  }
  static ControllerOptions options(ControllerOptions out) {
    out.ranks = 3;
    out.start_deadline = seconds(2);
    return out;
  }
  void join(std::uint32_t router) {
    Register asks = ControllerBench::rank(router, RankKind::kRouter);
    asks.region = router == 0 ? "eu" : "us";
    agents[router] = bench.join(asks);
    bench.silence(agents[router]);
  }
  // The ids that it has, in the order in which it got them.
  using Has = std::vector<Assign>;
  // All hear what they are told, then time passes.
  void settle(Duration time = milliseconds(300)) {
    for (Duration passed{}; passed < time; passed += milliseconds(100)) {
      bench.play_along(agents);
      for (const std::size_t r : {0U, 1U}) {
        for (const Cancel& order : bench.heard<Cancel>(agents[r])) {
          cancelled[r].push_back(order.id);
          std::erase_if(has[r], [&](const Assign& each) { return each.id == order.id; });
        }
        for (Assign& given : bench.heard<Assign>(agents[r])) has[r].push_back(std::move(given));
        if (agents[r] == ConnectionId() || bench.closed(agents[r])) continue;
        Heartbeat beat;
        beat.phase = Phase::kServing;
        beat.steps = ++beats;
        beat.open_requests = static_cast<std::uint32_t>(has[r].size());
        beat.running_requests = std::min(beat.open_requests, kSeats);
        bench.say(agents[r], beat);
        bench.say(agents[r], LoadReport{});
      }
      bench.pass(milliseconds(100));
    }
  }
  void submit(std::size_t count, const std::string& origin = {}) {
    Submit wish;
    wish.requests.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      wish.requests[i].name = fmt::format("{}", submitted++);
      wish.requests[i].origin = origin;
    }
    bench.say(client, wish);
    settle();
  }
  void finish_all(std::size_t router) {
    for (const Assign& each : std::exchange(has[router], {})) {
      bench.say(agents[router], Finished{each.id, each.attempt, {}, {}});
    }
  }

  ControllerBench bench;
  ConnectionId client;
  std::vector<ConnectionId> agents;
  std::array<Has, 2> has;
  std::array<std::vector<RequestId>, 2> cancelled;
  std::uint64_t beats = 0;
  std::size_t submitted = 0;
};

TEST(ControllerMoving, ADrainedRouterKeepsOnlyWhatItRuns) {
  World w;
  w.submit(48);
  ASSERT_THAT(w.has[0], SizeIs(24));
  ASSERT_THAT(w.has[1], SizeIs(24));
  const Assign queued = w.has[0].back();
  const auto runs = std::vector<Assign>(w.has[0].begin(), w.has[0].begin() + kSeats);
  w.bench.say(w.client, Command{Wish::kDrain, 0});
  w.settle();
  ASSERT_THAT(w.has[0], SizeIs(kSeats));
  for (std::size_t i = 0; i < kSeats; ++i) EXPECT_EQ(w.has[0][i].id, runs[i].id);
  ASSERT_THAT(w.has[1], SizeIs(32));
  EXPECT_EQ(w.has[1].back().attempt, 2U);
  // It had begun one after all, and ended it before it heard: that is of an attempt that is over.
  w.bench.say(w.agents[0], Finished{queued.id, queued.attempt, {}, {}});
  w.finish_all(0);
  w.settle();
  EXPECT_TRUE(w.bench.has_event("drain_done"));
  w.finish_all(1);
  w.settle();
  std::set<std::string> names;
  const auto done = w.bench.heard<RequestDone>(w.client);
  for (const RequestDone& each : done) {
    EXPECT_EQ(each.error, "");
    names.insert(each.name);
  }
  EXPECT_THAT(done, SizeIs(48));
  EXPECT_THAT(names, SizeIs(48));
}

// How many it runs may be told too late; what has a token is not begun anew.
TEST(ControllerMoving, WhatHasATokenStays) {
  World w;
  w.submit(8);
  ASSERT_THAT(w.has[0], SizeIs(4));
  w.bench.say(w.agents[0], Heartbeat{Phase::kServing, Epoch(1), 1, 4, 0});  // runs none yet
  w.bench.say(w.agents[0], Progress{w.has[0][1].id, 1, 0, {7}});
  const RequestId begun = w.has[0][1].id;
  w.bench.say(w.client, Command{Wish::kDrain, 0});
  w.bench.pass(milliseconds(50));
  w.settle();
  ASSERT_THAT(w.has[0], SizeIs(1));
  EXPECT_EQ(w.has[0][0].id, begun);
}

// Between two heartbeats nobody knows whether it runs yet: the one request of a cluster with two
// routers would go to and fro until it has a token.
TEST(ControllerMoving, WhatItHasOnlyJustBeenGivenStays) {
  World w;
  Submit wish;
  wish.requests.resize(1);
  w.bench.say(w.client, wish);
  w.bench.pass(milliseconds(200));
  EXPECT_FALSE(w.bench.has_event("requests_moved"));
  w.settle(seconds(1));
  EXPECT_FALSE(w.bench.has_event("requests_moved"));
}

TEST(ControllerMoving, ARouterThatComesGetsItsShare) {
  World w(1);
  w.submit(40);
  ASSERT_THAT(w.has[0], SizeIs(40));
  w.join(1);
  w.settle(seconds(1));
  EXPECT_THAT(w.has[0], SizeIs(kSeats + 12));
  EXPECT_THAT(w.has[1], SizeIs(12));
  // They are not sent to and fro.
  const auto moved = w.cancelled[0].size();
  w.settle(seconds(2));
  EXPECT_THAT(w.cancelled[0], SizeIs(moved));
  EXPECT_THAT(w.cancelled[1], SizeIs(0));
}

// What an earlier attempt made counts as little as if it had been asked for with the prompt.
TEST(ControllerMoving, TokensOfEarlierAttemptsHoldNothing) {
  World w;
  w.submit(40);
  for (const Assign& each : w.has[1]) w.bench.say(w.agents[1], Progress{each.id, 1, 0, {7}});
  w.bench.disconnect(w.agents[1]);
  w.has[1].clear();
  w.settle();
  ASSERT_THAT(w.has[0], SizeIs(40));
  w.join(1);
  w.settle(seconds(1));
  ASSERT_THAT(w.has[1], SizeIs(12));
  EXPECT_THAT(w.has[1].front().tokens, SizeIs(1));
}

// Nobody failed: a request may be moved more often than it may be tried. Nor does a controller that
// comes back see it otherwise.
TEST(ControllerMoving, IsNoFailure) {
  ControllerOptions with;
  with.attempts_max = 1;
  World w(1, with);
  w.submit(40);
  w.join(1);
  w.settle(seconds(1));
  ASSERT_THAT(w.has[1], SizeIs(12));
  w.bench.restart();
  w.client = w.bench.connect(PeerKind::kClient);
  w.bench.say(w.client, Command{Wish::kWatch, 0});
  for (const std::uint32_t r : {0U, 1U, 2U}) {
    Register again = ControllerBench::rank(r, r < 2 ? RankKind::kRouter : RankKind::kExpert);
    again.incarnation = Incarnation(1);
    again.epoch = Epoch(2);
    if (r < 2) {
      again.region = r == 0 ? "eu" : "us";
      for (const Assign& each : w.has[r]) again.held.push_back({each.id, each.attempt, {}});
    }
    w.agents[r] = w.bench.join(again);
    if (r < 2) w.bench.silence(w.agents[r]);
  }
  w.settle();
  EXPECT_THAT(w.has[0], SizeIs(kSeats + 12));
  EXPECT_THAT(w.has[1], SizeIs(12));
  w.bench.say(w.client, Command{Wish::kDrain, 0});
  w.settle();
  EXPECT_THAT(w.has[0], SizeIs(kSeats));
  EXPECT_THAT(w.has[1], SizeIs(24));
  EXPECT_FALSE(w.bench.has_event("request_failed"));
}

TEST(ControllerMoving, WhoMayNotHaveThemGetsNone) {
  World w(1);
  w.submit(20, "eu");  // rather at home than elsewhere
  ASSERT_THAT(w.has[0], SizeIs(20));
  w.join(1);
  w.settle(seconds(1));
  EXPECT_THAT(w.cancelled[0], SizeIs(0));
}

}  // namespace
}  // namespace switchyard::control
