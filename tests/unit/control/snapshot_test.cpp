// A snapshot stands for the history that led to it; what is not one is refused.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>

#include "runtime/control/snapshot_part.h"
#include "tests/unit/control/controller_bench.h"

namespace switchyard::control {
namespace {

using ::testing::HasSubstr;
using Records = std::vector<std::vector<std::byte>>;

// Two routers, two expert ranks and a spare; one router has died, one request is done, one runs
// with tokens, one waits for a region that is not there.
class SnapshotTest : public ::testing::Test {
 protected:
  SnapshotTest() : bench(options()) {
    const RankKind kinds[] = {RankKind::kRouter, RankKind::kRouter, RankKind::kExpert,
                              RankKind::kExpert, RankKind::kSpare};
    for (std::uint32_t r = 0; r < 5; ++r) agents.push_back(bench.join(r, kinds[r]));
    bench.play_along(agents);
    client = bench.connect(PeerKind::kClient);
    Submit submit;
    submit.requests = {{"a", "", "", "", {std::byte{1}}},
                       {"b", "", "", "", {std::byte{2}}},
                       {"c", "", "mars", "", {std::byte{3}}}};
    bench.say(client, submit);
    for (const ConnectionId router : {agents[0], agents[1]}) {
      for (const Assign& given : bench.heard<Assign>(router)) {
        bench.say(router, Progress{given.id, given.attempt, 0, {5, 6, 7}});
        if (given.id == RequestId(0)) {
          bench.say(router, Finished{given.id, given.attempt, "", {std::byte{42}}});
        }
      }
    }
    bench.disconnect(agents[1]);
    bench.play_along({agents[0], agents[2], agents[3], agents[4]});
    bench.say(client, Command{Wish::kDrain, 3});
    bench.play_along({agents[0], agents[2], agents[3], agents[4]});
  }
  static ControllerOptions options() {
    ControllerOptions options;
    options.ranks = 5;
    options.spares = 1;
    options.residency = {{"mars", {"mars"}}};
    return options;
  }
  [[nodiscard]] Result<Controller> revive(const Records& records) const {
    Controller out(options());
    SY_TRY(out.replay(records, bench.now));
    return out;
  }

  ControllerBench bench;
  std::vector<ConnectionId> agents;
  ConnectionId client;
};

TEST_F(SnapshotTest, StandsForTheWholeHistory) {
  const Records snapshot = bench.controller().snapshot();
  EXPECT_LT(snapshot.size(), bench.journal.size());
  auto by_history = revive(bench.journal).value();
  auto by_snapshot = revive(snapshot).value();
  EXPECT_EQ(by_snapshot.status_json(bench.now), by_history.status_json(bench.now));
  EXPECT_EQ(by_snapshot.snapshot(), by_history.snapshot());
  EXPECT_EQ(by_snapshot.snapshot(), snapshot);
  // A client hears the same of both.
  for (Controller* each : {&by_history, &by_snapshot}) {
    (void)each->handle(Connected{ConnectionId(9), PeerKind::kClient}, bench.now);
    std::vector<std::string> done;
    for (const Action& action :
         each->handle(Received{ConnectionId(9), Command{Wish::kWatch, 0}}, bench.now)) {
      const auto* send = std::get_if<Send>(&action);
      const auto* result = send == nullptr ? nullptr : std::get_if<RequestDone>(&send->message);
      if (result != nullptr) done.push_back(result->name);
    }
    EXPECT_EQ(done, std::vector<std::string>{"a"});
  }
}

TEST_F(SnapshotTest, WhatComesAfterItIsReplayedOnTopOfIt) {
  Records records = bench.controller().snapshot();
  const std::size_t before = bench.journal.size();
  bench.say(client, Submit{{{"d", "", "", "", {}}}});
  bench.disconnect(agents[2]);
  ASSERT_GT(bench.journal.size(), before);
  records.insert(records.end(), bench.journal.begin() + static_cast<std::ptrdiff_t>(before),
                 bench.journal.end());
  EXPECT_EQ(revive(records).value().snapshot(), revive(bench.journal).value().snapshot());
}

TEST_F(SnapshotTest, APartThatIsMissingDamagedOrAstrayIsNoticed) {
  const Records good = bench.controller().snapshot();
  ASSERT_TRUE(revive(good).has_value());
  for (std::size_t i = 0; i < good.size(); ++i) {
    Records missing = good;
    missing.erase(missing.begin() + static_cast<std::ptrdiff_t>(i));
    const auto refused = revive(missing);
    ASSERT_FALSE(refused.has_value()) << i;
    EXPECT_THAT(refused.error().message, HasSubstr("snapshot"));
    for (std::size_t size = 0; size < good[i].size(); ++size) {
      Records torn = good;
      torn[i].resize(size);
      EXPECT_FALSE(revive(torn).has_value()) << i << " " << size;
    }
  }
  Records twice = good;
  twice.push_back(good.front());
  EXPECT_FALSE(revive(twice).has_value());
  Records late = bench.journal;
  late.insert(late.end(), good.begin(), good.end());
  EXPECT_FALSE(revive(late).has_value());
}

TEST_F(SnapshotTest, APartIsReadAsItWasWritten) {
  for (const auto& record : bench.controller().snapshot()) {
    ASSERT_TRUE(is_snapshot_part(record));
    EXPECT_EQ(encode_part(decode_part(record).value()), record);
  }
  for (const auto& record : bench.journal) EXPECT_FALSE(is_snapshot_part(record));
}

// More requests in a life than the ledger holds at once: a journal that tells of all of them must
// lead to those that are left.
TEST(Journal, TellsOfMoreRequestsThanAreHeldAtOnce) {
  ControllerOptions options;
  options.ranks = 2;
  options.requests_max = 4;
  ControllerBench bench(options);
  const auto router = bench.join(0, RankKind::kRouter);
  const auto expert = bench.join(1, RankKind::kExpert);
  bench.play_along({router, expert});
  const auto client = bench.connect(PeerKind::kClient);
  bench.say(client, Command{Wish::kWatch, 0});
  for (int i = 0; i < 10; ++i) {
    const auto name = std::to_string(i);
    bench.say(client, Submit{{{"x" + name, "", "", "", {}}, {"y" + name, "", "", "", {}}}});
    for (const Assign& given : bench.heard<Assign>(router)) {
      bench.say(router, Finished{given.id, given.attempt, "", {}});
    }
  }
  ASSERT_EQ(bench.heard<RequestDone>(client).size(), 20U);
  const auto snapshot = bench.controller().snapshot();
  bench.restart();
  EXPECT_EQ(bench.controller().snapshot(), snapshot);
}

std::size_t bytes_of(const Records& records) {
  std::size_t bytes = 0;
  for (const auto& record : records) bytes += record.size();
  return bytes;
}

// The figures in docs/PERFORMANCE.md; only the sizes decide.
TEST(Journal, ALongHistoryShrinksToItsState) {
  ControllerOptions options;
  options.ranks = 2;
  options.requests_max = 1'000;
  ControllerBench bench(options);
  const auto router = bench.join(0, RankKind::kRouter);
  const auto expert = bench.join(1, RankKind::kExpert);
  bench.play_along({router, expert});
  const auto client = bench.connect(PeerKind::kClient);
  bench.say(client, Command{Wish::kWatch, 0});
  constexpr int kRequests = 20'000;
  const std::vector<std::byte> payload(500);
  for (int i = 0; i < kRequests; ++i) {
    bench.say(client, Submit{{{"request" + std::to_string(i), "", "", "", payload}}});
    const Assign given = bench.heard<Assign>(router).at(0);
    for (std::uint32_t token = 0; token < 64; ++token) {
      bench.say(router, Progress{given.id, given.attempt, token, {token}});
    }
    bench.say(router, Finished{given.id, given.attempt, "", payload});
    (void)bench.heard<RequestDone>(client);
    (void)bench.heard<Answer>(client);
  }
  const Records snapshot = bench.controller().snapshot();
  const auto seconds_of = [&](const Records& records) {
    const auto begin = std::chrono::steady_clock::now();
    Controller revived(options);
    EXPECT_TRUE(revived.replay(records, bench.now).has_value());
    const auto end = std::chrono::steady_clock::now();
    EXPECT_EQ(revived.snapshot(), snapshot);
    return std::chrono::duration<double>(end - begin).count();
  };
  const double history_s = seconds_of(bench.journal);
  const double snapshot_s = seconds_of(snapshot);
  std::cout << fmt::format(
      "history: {} records, {:.1f} MB, replayed in {:.3f} s\n"
      "snapshot: {} records, {:.1f} MB, replayed in {:.3f} s\n",
      bench.journal.size(), static_cast<double>(bytes_of(bench.journal)) / 1e6, history_s,
      snapshot.size(), static_cast<double>(bytes_of(snapshot)) / 1e6, snapshot_s);
  EXPECT_LT(bytes_of(snapshot), bytes_of(bench.journal) / 50);
}

TEST(Journal, TroubleIsAnEventAndShownInTheStatus) {
  ControllerBench bench({});
  Controller& controller = bench.controller();
  const auto kinds = [&](const std::string& trouble) {
    std::vector<std::string> out;
    for (const Action& action : controller.handle(JournalNews{trouble}, bench.now)) {
      const auto* log = std::get_if<switchyard::control::Log>(&action);
      if (log != nullptr) out.push_back(log->event.kind);
    }
    return out;
  };
  EXPECT_THAT(kinds("the disk is full"), ::testing::ElementsAre("journal_failed"));
  EXPECT_THAT(controller.status_json(bench.now), HasSubstr("the disk is full"));
  EXPECT_THAT(kinds(""), ::testing::ElementsAre("journal_restored"));
  const auto status = nlohmann::json::parse(controller.status_json(bench.now));
  EXPECT_EQ(status["parts"]["journal"]["trouble"], "");
}

}  // namespace
}  // namespace switchyard::control
