#include "runtime/control/mailbox.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace switchyard::control {
namespace {

Progress progress(std::uint32_t id, std::uint32_t first, std::vector<std::uint32_t> tokens,
                  std::uint32_t attempt = 1) {
  return {RequestId(id), attempt, first, std::move(tokens)};
}

TEST(Mailbox, KeepsTheOrderOfBothDirections) {
  Mailbox mailbox;
  EXPECT_FALSE(mailbox.take().has_value());
  EXPECT_FALSE(mailbox.next_to_send().has_value());
  mailbox.deliver(Drain{});
  mailbox.deliver(Leave{});
  mailbox.post(Adopted{Epoch(3)});
  mailbox.post(Goodbye{});
  EXPECT_TRUE(std::holds_alternative<Drain>(*mailbox.take()));
  EXPECT_TRUE(std::holds_alternative<Leave>(*mailbox.take()));
  EXPECT_TRUE(std::holds_alternative<Adopted>(*mailbox.next_to_send()));
  EXPECT_TRUE(std::holds_alternative<Goodbye>(*mailbox.next_to_send()));
}

TEST(Mailbox, ProgressOfOneAttemptGrowsInPlace) {
  Mailbox mailbox;
  mailbox.post(progress(1, 0, {10, 11}));
  mailbox.post(progress(2, 0, {20}));
  mailbox.post(progress(1, 2, {12}));
  const auto first = std::get<Progress>(*mailbox.next_to_send());
  EXPECT_EQ(first.tokens, (std::vector<std::uint32_t>{10, 11, 12}));
  // The first has left: what follows is a message of its own, also for the same request.
  mailbox.post(progress(1, 3, {13}));
  mailbox.post(progress(2, 1, {21}));
  EXPECT_EQ(std::get<Progress>(*mailbox.next_to_send()).tokens,
            (std::vector<std::uint32_t>{20, 21}));
  EXPECT_EQ(std::get<Progress>(*mailbox.next_to_send()).first, 3u);
  EXPECT_FALSE(mailbox.next_to_send().has_value());
}

TEST(Mailbox, ProgressWithAGapOrOfAnotherAttemptIsKeptApart) {
  Mailbox mailbox;
  mailbox.post(progress(1, 0, {10}));
  mailbox.post(progress(1, 5, {15}));
  mailbox.post(progress(1, 6, {16}));
  mailbox.post(progress(1, 7, {17}, 2));
  EXPECT_EQ(std::get<Progress>(*mailbox.next_to_send()).tokens.size(), 1u);
  EXPECT_EQ(std::get<Progress>(*mailbox.next_to_send()).tokens.size(), 2u);
  EXPECT_EQ(std::get<Progress>(*mailbox.next_to_send()).attempt, 2u);
}

TEST(Mailbox, ReportsOfACutOffRankStayOne) {
  Mailbox mailbox;
  LoadReport report;
  report.seconds = 1;
  report.busy_share = 0.5;
  report.tokens = 7;
  report.expert_pairs = {1, 2};
  report.restricted_rows = {{"eu", "eu", 3}, {"eu", "us", 0}};
  for (int i = 0; i < 100; ++i) {
    Heartbeat beat;
    beat.steps = static_cast<std::uint64_t>(i);
    mailbox.post(beat);
    mailbox.post(report);
    mailbox.post(Evidence{Epoch(1), static_cast<std::uint64_t>(i), {}});
  }
  EXPECT_EQ(std::get<Heartbeat>(*mailbox.next_to_send()).steps, 99u);
  const auto sum = std::get<LoadReport>(*mailbox.next_to_send());
  EXPECT_DOUBLE_EQ(sum.seconds, 100);
  EXPECT_DOUBLE_EQ(sum.busy_share, 0.5);
  EXPECT_EQ(sum.tokens, 700u);
  EXPECT_EQ(sum.expert_pairs, (std::vector<std::uint64_t>{100, 200}));
  ASSERT_EQ(sum.restricted_rows.size(), 2u);
  EXPECT_EQ(sum.restricted_rows[0].rows, 300u);
  EXPECT_EQ(sum.restricted_rows[1].rows, 0u);
  EXPECT_EQ(std::get<Evidence>(*mailbox.next_to_send()).waited_ms, 99u);
  EXPECT_FALSE(mailbox.next_to_send().has_value());
}

TEST(Mailbox, TellsTheOtherSide) {
  Mailbox mailbox;
  int posted = 0;
  int delivered = 0;
  mailbox.on_post([&] { ++posted; });
  mailbox.on_deliver([&] { ++delivered; });
  mailbox.post(Goodbye{});
  mailbox.deliver(Leave{});
  EXPECT_EQ(posted, 1);
  EXPECT_EQ(delivered, 1);
  Assign assign;
  assign.id = RequestId(4);
  assign.attempt = 2;
  assign.tokens = {1};
  mailbox.deliver(assign);
  mailbox.post(Finished{RequestId(4), 1, {}, {}});  // of an attempt that is over
  mailbox.post(Adopted{Epoch(9)});
  EXPECT_EQ(mailbox.standing().held.size(), 1u);
  EXPECT_EQ(mailbox.standing().epoch, Epoch(9));
  auto next = std::make_shared<placement::View>();
  next->epoch = Epoch(10);
  mailbox.deliver(Commit{next});  // the engine has not seen it yet, and will follow it
  EXPECT_EQ(mailbox.standing().epoch, Epoch(10));
}

// The engine looks without the lock; what was delivered before a wake-up is there after it.
TEST(Mailbox, AWokenEngineFindsWhatWasDelivered) {
  constexpr std::uint32_t kMessages = 20'000;
  Mailbox mailbox;
  std::atomic<std::uint32_t> woken{0};
  mailbox.on_deliver([&] { woken.fetch_add(1); });
  std::thread agent([&] {
    for (std::uint32_t m = 0; m < kMessages; ++m) mailbox.deliver(Retire{Epoch(m)});
  });
  std::uint32_t got = 0;
  while (got < kMessages) {
    const std::uint32_t due = woken.load();
    while (const auto message = mailbox.take()) {
      EXPECT_EQ(std::get<Retire>(*message).oldest, Epoch(got));
      ++got;
    }
    EXPECT_GE(got, due);
  }
  agent.join();
  EXPECT_FALSE(mailbox.take().has_value());
}

TEST(Mailbox, LosesNoTokenBetweenTwoThreads) {
  constexpr std::uint32_t kTokens = 20'000;
  Mailbox mailbox;
  std::thread engine([&] {
    for (std::uint32_t t = 0; t < kTokens; ++t) mailbox.post(progress(t % 3, t / 3, {t}));
    mailbox.post(Goodbye{});
  });
  std::uint32_t got = 0;
  for (bool open = true; open;) {
    const auto message = mailbox.next_to_send();
    if (!message) continue;
    open = !std::holds_alternative<Goodbye>(*message);
    if (!open) break;
    const auto& part = std::get<Progress>(*message);
    for (std::uint32_t i = 0; i < part.tokens.size(); ++i) {
      ASSERT_EQ(part.tokens[i], (part.first + i) * 3 + part.id.value());
    }
    got += static_cast<std::uint32_t>(part.tokens.size());
  }
  engine.join();
  EXPECT_EQ(got, kTokens);
}

// Who cannot take messages just now hears of a view all the same, and before the engine.
TEST(Mailbox, ShowsAViewBeforeItIsTaken) {
  Mailbox mailbox;
  std::vector<std::uint32_t> seen;
  bool early = true;
  mailbox.on_view([&](const auto& view) {
    seen.push_back(view->epoch.value());
    early = early && !mailbox.take().has_value();
  });
  const auto view_of = [](std::uint32_t epoch) {
    auto view = std::make_shared<placement::View>();
    view->epoch = Epoch(epoch);
    return view;
  };
  mailbox.deliver(Welcome{});
  EXPECT_TRUE(mailbox.take().has_value());
  mailbox.deliver(Welcome{{}, 2, view_of(1)});
  EXPECT_TRUE(mailbox.take().has_value());
  mailbox.deliver(Commit{view_of(2)});
  EXPECT_TRUE(mailbox.take().has_value());
  mailbox.deliver(Retire{Epoch(2)});
  EXPECT_EQ(seen, (std::vector<std::uint32_t>{1, 2}));
  EXPECT_TRUE(early);
}

}  // namespace
}  // namespace switchyard::control
