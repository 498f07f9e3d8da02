// A backlog: what an event costs must not grow with the number of requests that wait, and a rank
// whose heartbeats queue behind its results is not silent.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "runtime/control/token_bytes.h"
#include "tests/unit/control/controller_bench.h"
#include "tests/unit/control/counted_allocations.h"

namespace switchyard::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint32_t kOpenMax = 4;

struct Backlog {
  explicit Backlog(std::size_t requests) : bench(options()) {
    router = bench.join(0, RankKind::kRouter);
    expert = bench.join(1, RankKind::kExpert);
    bench.play_along({router, expert});
    client = bench.connect(PeerKind::kClient);
    Submit submit;
    submit.requests.resize(requests);
    for (std::size_t i = 0; i < requests; ++i) submit.requests[i].name = std::to_string(i);
    bench.say(client, std::move(submit));
    open = bench.heard<Assign>(router);
  }

  static ControllerOptions options() {
    ControllerOptions options;
    options.ranks = 2;
    options.open_per_router_max = kOpenMax;
    options.watch_window_bytes = std::size_t{64} << 20;
    options.results_kept = seconds(20);
    return options;
  }

  // The router ends the oldest of what it has, and gets another; answers what that allocated.
  std::uint64_t finish_one() {
    const Finished word{open.front().id, open.front().attempt, {}, {}};
    open.erase(open.begin());
    const auto before = allocations_so_far();
    bench.say(router, word);
    const auto cost = allocations_so_far() - before;
    for (const Assign& next : bench.heard<Assign>(router)) open.push_back(next);
    return cost;
  }

  // The worst of some.
  std::uint64_t finish_cost() {
    std::uint64_t worst = 0;
    for (int i = 0; i < 20; ++i) {
      bench.heard<RequestDone>(client);
      worst = std::max(worst, finish_one());
    }
    return worst;
  }

  std::uint64_t tick_cost() {
    const auto before = allocations_so_far();
    bench.pass(milliseconds(50));
    return allocations_so_far() - before;
  }

  ControllerBench bench;
  ConnectionId router;
  ConnectionId expert;
  ConnectionId client;
  std::vector<Assign> open;
};

TEST(ControllerBacklog, AnEventCostsTheSameHoweverManyWait) {
  Backlog few(100);
  Backlog many(100'000);
  ASSERT_EQ(few.open.size(), kOpenMax);
  ASSERT_EQ(many.open.size(), kOpenMax);
  const auto cost = few.finish_cost();
  EXPECT_GT(cost, 0U);
  // Vectors that happen to grow may cost one or two more.
  EXPECT_LE(many.finish_cost(), cost + 10);
  const auto tick = few.tick_cost();
  EXPECT_LE(many.tick_cost(), tick + 10);
  EXPECT_EQ(many.open.size(), kOpenMax);
  EXPECT_EQ(many.open.back().id, RequestId(kOpenMax + 20 - 1));
}

TEST(ControllerBacklog, AFinishedRequestMakesNoPlan) {
  // The cost of one event does not depend on the size of the model either.
  Backlog small(100);
  ControllerBench large(Backlog::options());
  Register facts = ControllerBench::rank(0, RankKind::kRouter);
  facts.model = {60, 256, 1 << 20, "large"};
  const auto router = large.join(facts);
  facts = ControllerBench::rank(1, RankKind::kExpert);
  facts.model = {60, 256, 1 << 20, "large"};
  const auto expert = large.join(facts);
  large.play_along({router, expert});
  const auto client = large.connect(PeerKind::kClient);
  large.say(client, Submit{std::vector<NewRequest>(100)});
  const auto open = large.heard<Assign>(router);
  ASSERT_EQ(open.size(), kOpenMax);
  const auto before = allocations_so_far();
  large.say(router, Finished{open[0].id, open[0].attempt, {}, {}});
  const auto cost = allocations_so_far() - before;
  EXPECT_LE(cost, small.finish_cost() + 10);
}

TEST(ControllerBacklog, AnyWordIsASignOfLife) {
  Backlog backlog(1000);
  auto& bench = backlog.bench;
  // Its heartbeats queue behind its results: none comes through for ten seconds.
  bench.silence(backlog.router);
  for (int i = 0; i < 40; ++i) {
    bench.pass(milliseconds(250));
    (void)backlog.finish_one();
  }
  EXPECT_FALSE(bench.closed(backlog.router));
  EXPECT_FALSE(bench.has_event("rank_dead"));
  // Silence is death as before.
  bench.pass(seconds(4));
  EXPECT_TRUE(bench.closed(backlog.router));
}

TEST(ControllerBacklog, RegimesAreServedInTheOrderOfTheRequests) {
  ControllerOptions options = Backlog::options();
  options.open_per_router_max = 2;
  options.residency = {{"eu/gdpr", {"eu"}}, {"us/law", {"us"}}};
  options.ranks = 4;
  ControllerBench bench(options);
  std::vector<ConnectionId> agents;
  for (std::uint32_t r = 0; r < 4; ++r) {
    Register asks = ControllerBench::rank(r, r < 2 ? RankKind::kRouter : RankKind::kExpert);
    asks.region = r % 2 == 0 ? "eu" : "us";
    agents.push_back(bench.join(asks));
  }
  bench.play_along(agents);
  const auto client = bench.connect(PeerKind::kClient);
  Submit submit;
  for (const char* regime : {"eu/gdpr", "eu/gdpr", "eu/gdpr", "us/law", "", "us/law"}) {
    NewRequest request;
    request.regime = regime;
    submit.requests.push_back(request);
  }
  bench.say(client, submit);
  const auto numbers = [&](ConnectionId router) {
    std::vector<std::uint32_t> out;
    for (const Assign& assign : bench.heard<Assign>(router)) out.push_back(assign.id.value());
    return out;
  };
  // Rank 0 is full with the first two; the third waits for it alone, and the others pass it.
  EXPECT_THAT(numbers(agents[0]), ::testing::ElementsAre(0, 1));
  EXPECT_THAT(numbers(agents[1]), ::testing::ElementsAre(3, 4));
  bench.say(agents[1], Finished{RequestId(3), 1, {}, {}});
  EXPECT_THAT(numbers(agents[1]), ::testing::ElementsAre(5));
  bench.say(agents[0], Finished{RequestId(0), 1, {}, {}});
  EXPECT_THAT(numbers(agents[0]), ::testing::ElementsAre(2));
}

TEST(ControllerBacklog, WhatWaitsEndsAtOnceWhenAllAreToEnd) {
  Backlog backlog(20'000);
  auto& bench = backlog.bench;
  bench.say(backlog.client, Command{Wish::kWatch, 0});
  // The first is generated in part and lost with its router; it waits with what is known of it.
  bench.say(backlog.router, Progress{RequestId(0), 1, 0, {7, 65'536}});
  bench.disconnect(backlog.router);
  const auto router = bench.join(0, RankKind::kRouter);
  bench.say(backlog.client, Command{Wish::kEndNow, 0});
  const auto ended = bench.heard<RequestDone>(backlog.client);
  ASSERT_EQ(ended.size(), 20'000U);
  for (const RequestDone& each : ended) ASSERT_EQ(each.error, kEndedNow);
  const auto first = std::ranges::find(ended, RequestId(0), &RequestDone::id);
  EXPECT_EQ(tokens_of_bytes(first->payload).value(), (std::vector<std::uint32_t>{7, 65'536}));
  EXPECT_TRUE(ended.back().payload.empty());
  EXPECT_TRUE(bench.heard<Assign>(router).empty());
  // A controller that comes back says the same.
  bench.restart();
  const auto client = bench.connect(PeerKind::kClient);
  bench.say(client, Command{Wish::kWatch, 0});
  const auto again = bench.heard<RequestDone>(client);
  ASSERT_EQ(again.size(), 20'000U);
  const auto same = std::ranges::find(again, RequestId(0), &RequestDone::id);
  EXPECT_EQ(same->payload, first->payload);
}

TEST(ControllerBacklog, WhatRunsEndsWithWhatItHas) {
  Backlog backlog(10);
  backlog.bench.say(backlog.client, Command{Wish::kEndNow, 0});
  const auto orders = backlog.bench.heard<Cancel>(backlog.router);
  ASSERT_EQ(orders.size(), kOpenMax);
  for (const Cancel& order : orders) EXPECT_EQ(order.how, CancelHow::kEndNow);
  // One that its router loses meanwhile is not begun again.
  backlog.bench.say(backlog.router, Progress{RequestId(1), 1, 3, {1}});
  EXPECT_TRUE(backlog.bench.heard<Assign>(backlog.router).empty());
  const auto status =
      nlohmann::json::parse(backlog.bench.controller().status_json(backlog.bench.now));
  EXPECT_EQ(status["requests"]["open"], kOpenMax - 1);
}

TEST(ControllerBacklog, ResultsThatWereDeliveredAreForgotten) {
  Backlog backlog(10);
  auto& bench = backlog.bench;
  const auto held = [&] {
    return nlohmann::json::parse(bench.controller().status_json(bench.now))["requests"]["done"]
        .get<int>();
  };
  (void)backlog.finish_one();
  bench.pass(Backlog::options().results_kept + seconds(1));
  EXPECT_EQ(held(), 1);  // nobody has been told
  bench.say(backlog.client, Command{Wish::kWatch, 0});
  EXPECT_EQ(bench.heard<RequestDone>(backlog.client).size(), 1U);
  bench.pass(Backlog::options().results_kept - seconds(1));
  EXPECT_EQ(held(), 1);
  bench.pass(seconds(2));
  EXPECT_EQ(held(), 0);
}

}  // namespace
}  // namespace switchyard::control
