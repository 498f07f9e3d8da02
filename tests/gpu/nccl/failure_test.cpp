// What goes wrong between GPUs: ranks that die, come, never look, or disagree, and NCCL that fails.
// Whatever happens, no call hangs, and what can still be delivered is, once and in order.
#include <gmock/gmock.h>

#include <atomic>

#include "tests/gpu/nccl/meeting.h"
#include "tests/gpu/nccl/nccl_world.h"
#include "tests/gpu/nccl/row_mail.h"

namespace switchyard::comm::test {
namespace {

using ::testing::HasSubstr;
using Lost = Transport::Lost;

constexpr std::size_t kRowBytes = 200'000;  // more than the emulated NCCL holds on its way

suite::Content rows_of(std::uint32_t from, std::uint64_t i) {
  return suite::make_content(kRowBytes, hash_counters(5, from, i, 0));
}

void expect_letter(const RowLetter& letter, std::uint32_t from, std::uint64_t i) {
  EXPECT_EQ(letter.from, RankId(from));
  EXPECT_EQ(letter.head, suite::make_content(8, i)) << "message " << i << " of rank " << from;
  EXPECT_EQ(letter.rows, rows_of(from, i)) << "message " << i << " of rank " << from;
}

Result<void> send_numbered(RowMail& mail, Transport& transport, RankId to, std::uint64_t i) {
  return mail.send(to, Channel::kDispatch, suite::make_content(8, i),
                   rows_of(transport.rank().value(), i));
}

// Each rank of `others` sends `count` messages to each other one of them and takes theirs.
void exchange_among(Transport& transport, RowMail& mail, const std::vector<std::uint32_t>& others,
                    std::uint64_t first, std::uint64_t count) {
  for (std::uint64_t i = first; i < first + count; ++i) {
    for (const std::uint32_t to : others) {
      if (RankId(to) != transport.rank()) {
        ASSERT_FINE(send_numbered(mail, transport, RankId(to), i));
      }
    }
  }
  std::vector<std::uint64_t> next(transport.size(), first);
  for (std::uint64_t n = 0; n < count * (others.size() - 1); ++n) {
    const auto letter = mail.receive(Channel::kDispatch);
    ASSERT_FINE(letter);
    expect_letter(*letter, letter->from.value(), next[letter->from.index()]++);
  }
}

// kTooOld: the library that is found, though not the one it was built with.
enum class Shrinking : std::uint8_t { kWorks, kFailsOnce, kFailsForAll, kNotTried, kTooOld };

struct Death {
  const char* name;
  cuda_emulation::PeerLoss loss;
  Shrinking shrinking;
};

class RankDies : public NcclWorld, public ::testing::WithParamInterface<Death> {
 protected:
  // Calls of ncclCommShrink by the survivors' ends of the survivors' lanes, two each, and what was
  // joined by id after the death: nothing where shrinks work.
  static void expect_shrinks(std::uint64_t count, std::uint64_t joins) {
    switch (GetParam().shrinking) {
      case Shrinking::kWorks: EXPECT_EQ(count, 4U); break;
      case Shrinking::kNotTried:
      case Shrinking::kTooOld: EXPECT_EQ(count, 0U); break;
      default: EXPECT_GE(count, 1U); break;
    }
    EXPECT_EQ(joins == 0, GetParam().shrinking == Shrinking::kWorks) << joins;
  }
};

// Rank 2 dies with rows for it, from it and between the others under way.
TEST_P(RankDies, TheOthersGoOnWithoutIt) {
  NcclOptions options;
  const auto shrinking = GetParam().shrinking;
  if (shrinking == Shrinking::kNotTried) options.shrink = NcclShrink::kNever;
  auto ranks = make(3, options);
  if (shrinking == Shrinking::kTooOld) cuda_emulation::set_nccl_version(22605);
  cuda_emulation::set_peer_loss(GetParam().loss);
  const auto shrinks = cuda_emulation::nccl_visits(cuda_emulation::NcclPoint::kShrink);
  std::uint64_t joins = 0;
  Meeting warm(3);
  Meeting done(2);
  std::atomic<bool> dead{false};
  on_ranks(ranks, [&](Transport& transport) {
    RowMail mail(transport);
    exchange_among(transport, mail, {0, 1, 2}, 0, 2);
    ASSERT_NO_FATAL_FAILURE(warm.wait(mail, transport));
    if (transport.rank() == RankId(2)) {
      joins = cuda_emulation::nccl_visits(cuda_emulation::NcclPoint::kInit);
      // Its last messages have heads and no rows: it never launches them.
      ASSERT_FINE(send_numbered(mail, transport, RankId(0), 2));
      kill(ranks[2]);
      dead.store(true);
      dead.notify_all();
      return;
    }
    const RankId other(1 - transport.rank().value());
    for (std::uint64_t i = 2; i < 6; ++i) {
      ASSERT_FINE(send_numbered(mail, transport, RankId(2), i));
      ASSERT_FINE(send_numbered(mail, transport, other, i));
    }
    dead.wait(false);
    const bool fails = shrinking == Shrinking::kFailsForAll ||
                       (shrinking == Shrinking::kFailsOnce && transport.rank() == RankId(0));
    if (fails) {
      cuda_emulation::fail_nccl_at(cuda_emulation::NcclPoint::kShrink, ncclInternalError);
    }
    transport.set_lost(RankId(2), Lost::kYes);
    for (std::uint64_t i = 2; i < 6; ++i) {
      const auto letter = mail.receive(Channel::kDispatch);
      ASSERT_FINE(letter);
      ASSERT_NO_FATAL_FAILURE(expect_letter(*letter, other.value(), i));
    }
    ASSERT_FINE(mail.flush());  // those to the dead rank too: their rows are nobody's any more
    exchange_among(transport, mail, {0, 1}, 6, 3);
    ASSERT_FINE(mail.flush());
    ASSERT_NO_FATAL_FAILURE(done.wait(mail, transport));
  });
  expect_shrinks(cuda_emulation::nccl_visits(cuda_emulation::NcclPoint::kShrink) - shrinks,
                 cuda_emulation::nccl_visits(cuda_emulation::NcclPoint::kInit) - joins);
}

INSTANTIATE_TEST_SUITE_P(
    Deaths, RankDies,
    ::testing::Values(
        Death{"Silent", cuda_emulation::PeerLoss::kSilent, Shrinking::kWorks},
        Death{"SilentShrinkFailsOnce", cuda_emulation::PeerLoss::kSilent, Shrinking::kFailsOnce},
        Death{"SilentShrinkFails", cuda_emulation::PeerLoss::kSilent, Shrinking::kFailsForAll},
        Death{"SilentNoShrink", cuda_emulation::PeerLoss::kSilent, Shrinking::kNotTried},
        Death{"SilentOldLibrary", cuda_emulation::PeerLoss::kSilent, Shrinking::kTooOld},
        Death{"Reported", cuda_emulation::PeerLoss::kReported, Shrinking::kFailsOnce},
        Death{"ReportedNoShrink", cuda_emulation::PeerLoss::kReported, Shrinking::kNotTried}),
    [](const auto& each) { return each.param.name; });

// A rank that was left out and comes back, as itself.
TEST_F(NcclWorld, ARankThatComesBackIsTakenIn) {
  auto ranks = make(3);
  Meeting warm(3);
  Meeting apart(3);
  Meeting back(3);
  Meeting done(3);
  on_ranks(ranks, [&](Transport& transport) {
    RowMail mail(transport);
    exchange_among(transport, mail, {0, 1, 2}, 0, 2);
    ASSERT_NO_FATAL_FAILURE(warm.wait(mail, transport));
    if (transport.rank() != RankId(2)) {
      transport.set_lost(RankId(2), Lost::kYes);
      exchange_among(transport, mail, {0, 1}, 2, 2);
      ASSERT_FINE(send_numbered(mail, transport, RankId(2), 99));  // goes nowhere
      ASSERT_FINE(mail.flush());
    }
    ASSERT_NO_FATAL_FAILURE(apart.wait(mail, transport));
    transport.set_lost(RankId(2), Lost::kNo);
    ASSERT_NO_FATAL_FAILURE(back.wait(mail, transport));
    exchange_among(transport, mail, {0, 1, 2}, 4, 3);
    ASSERT_FINE(mail.flush());
    ASSERT_NO_FATAL_FAILURE(done.wait(mail, transport));
    finalize(transport);
  });
}

// Rank 0 learns that another process has come to rank 1's slot, and sends to it before it has
// looked again: before it has begun the generation in which that process is.
TEST_F(NcclWorld, WhatIsSentAtOnceToTheNextProcessOfASlotArrives) {
  auto ranks = make(3);
  Meeting warm(3);
  Meeting done(3);
  on_ranks(ranks, [&](Transport& transport) {
    RowMail mail(transport);
    exchange_among(transport, mail, {0, 1, 2}, 0, 2);
    ASSERT_FINE(mail.flush());
    ASSERT_NO_FATAL_FAILURE(warm.wait(mail, transport));
    if (transport.rank() == RankId(0)) {
      transport.attach(RankId(1), "somewhere else");
      ASSERT_FINE(send_numbered(mail, transport, RankId(1), 2));
      ASSERT_FINE(send_numbered(mail, transport, RankId(2), 2));
    } else {
      const auto letter = mail.receive(Channel::kDispatch);
      ASSERT_FINE(letter);
      ASSERT_NO_FATAL_FAILURE(expect_letter(*letter, 0, 2));
    }
    ASSERT_FINE(mail.flush());
    ASSERT_NO_FATAL_FAILURE(done.wait(mail, transport));
    finalize(transport);
  });
}

// Rank 0 knows before rank 1 that they work together (again): its invitation waits for rank 1 to
// know it too. Nothing fails, nobody's deadline has to pass.
TEST_F(NcclWorld, AnInvitationOfARankThatIsTakenForLostIsKept) {
  NcclOptions options;
  options.join_deadline = options.rows_deadline = std::chrono::hours(1);
  options.attempts = 0;
  auto ranks = make(2, options);
  Meeting invited(2);
  Meeting done(2);
  on_ranks(ranks, [&](Transport& transport) {
    RowMail mail(transport);
    const RankId other(1 - transport.rank().value());
    if (transport.rank() == RankId(0)) {
      ASSERT_FINE(send_numbered(mail, transport, other, 0));
      ASSERT_FINE(mail.turn());  // the invitation is on its way
      invited.arrive();
    } else {
      transport.set_lost(other, Lost::kYes);
      ASSERT_FINE(mail.turn());
      invited.arrive();
      for (int look = 0; look < 5; ++look) ASSERT_FINE(mail.turn());
      transport.set_lost(other, Lost::kNo);
      const auto letter = mail.receive(Channel::kDispatch);
      ASSERT_FINE(letter);
      ASSERT_NO_FATAL_FAILURE(expect_letter(*letter, 0, 0));
    }
    ASSERT_FINE(mail.flush());
    ASSERT_NO_FATAL_FAILURE(done.wait(mail, transport));
    finalize(transport);
  });
}

// Rank 1 takes rank 0 for lost while the lane is being made, and leaves it: what is said when rank
// 0 is back, because the others wait for rank 1 in a communicator that it has left.
TEST_F(NcclWorld, ALaneThatWasLeftInItsMakingIsReported) {
  NcclOptions options;
  options.join_deadline = options.rows_deadline = std::chrono::hours(1);
  options.attempts = 1;
  auto ranks = make(3, options);
  cuda_emulation::set_peer_loss(cuda_emulation::PeerLoss::kSilent);
  const auto joins = cuda_emulation::nccl_visits(cuda_emulation::NcclPoint::kInit);
  Meeting left(3);
  Meeting done(3);
  on_ranks(ranks, [&](Transport& transport) {
    RowMail mail(transport);
    if (transport.rank() == RankId(0)) {
      ASSERT_FINE(send_numbered(mail, transport, RankId(1), 0));
      ASSERT_FINE(send_numbered(mail, transport, RankId(2), 0));
      ASSERT_NO_FATAL_FAILURE(left.wait(mail, transport));
    } else if (transport.rank() == RankId(1)) {
      const SteadyClock clock;
      const auto deadline = Deadline::after(clock, std::chrono::seconds(60));
      while (cuda_emulation::nccl_visits(cuda_emulation::NcclPoint::kInit) < joins + 2) {
        ASSERT_FINE(mail.turn());
        ASSERT_FALSE(deadline.passed(clock)) << "ranks 0 and 1 do not join";
      }
      transport.set_lost(RankId(0), Lost::kYes);
      ASSERT_FINE(mail.turn());
      transport.set_lost(RankId(0), Lost::kNo);
      left.arrive();
    } else {
      left.arrive();  // and has not looked so far
    }
    if (transport.rank() != RankId(0)) {
      const auto letter = mail.receive(Channel::kDispatch);
      ASSERT_FINE(letter);
      ASSERT_NO_FATAL_FAILURE(expect_letter(*letter, 0, 0));
    }
    ASSERT_FINE(mail.flush());
    ASSERT_NO_FATAL_FAILURE(done.wait(mail, transport));
    finalize(transport);
  });
}

struct Failure {
  const char* name;
  cuda_emulation::NcclPoint point;
  bool warm;  // in the middle of things, not at the start
  ncclResult_t error;
};

class NcclFails : public NcclWorld, public ::testing::WithParamInterface<Failure> {};

// One call fails at one rank: the lane is made anew.
TEST_P(NcclFails, TheLaneIsMadeAnewAndNothingIsLost) {
  const Failure& failure = GetParam();
  auto ranks = make(3);
  Meeting warm(3);
  Meeting done(3);
  if (!failure.warm) cuda_emulation::fail_nccl_at(failure.point, failure.error);
  on_ranks(ranks, [&](Transport& transport) {
    RowMail mail(transport);
    exchange_among(transport, mail, {0, 1, 2}, 0, 3);
    ASSERT_NO_FATAL_FAILURE(warm.wait(mail, transport));
    if (failure.warm && transport.rank() == RankId(1)) {
      cuda_emulation::fail_nccl_at(failure.point, failure.error);
    }
    exchange_among(transport, mail, {0, 1, 2}, 3, 3);
    ASSERT_FINE(mail.flush());
    ASSERT_NO_FATAL_FAILURE(done.wait(mail, transport));
    finalize(transport);
  });
}

INSTANTIATE_TEST_SUITE_P(
    Points, NcclFails,
    ::testing::Values(
        Failure{"AtTheFirstInit", cuda_emulation::NcclPoint::kInit, false, ncclSystemError},
        Failure{"AtTheFirstGroup", cuda_emulation::NcclPoint::kGroup, false, ncclRemoteError},
        Failure{"InTheMiddle", cuda_emulation::NcclPoint::kGroup, true, ncclInternalError}),
    [](const auto& each) { return each.param.name; });

// Rank 1 never looks: the sender's deadline ends, attempt after attempt, and names it.
TEST_F(NcclWorld, ARankThatNeverLooksIsNamed) {
  NcclOptions options;
  options.join_deadline = std::chrono::milliseconds(50);
  options.attempts = 1;
  auto ranks = make(2, options);
  on_ranks(ranks, [&](Transport& transport) {
    if (transport.rank() == RankId(1)) return;
    RowMail mail(transport);
    ASSERT_FINE(send_numbered(mail, transport, RankId(1), 0));
    const auto flushed = mail.flush();
    ASSERT_FALSE(flushed.has_value());
    EXPECT_EQ(flushed.error().code, ErrorCode::kDeadline);
    EXPECT_EQ(flushed.error().scope, ErrorScope::kCommunicator);
    EXPECT_THAT(flushed.error().message, HasSubstr("rank 1 did not join"));
    ranks[0].reset();
  });
}

// Rank 1 has joined, then stops looking for good.
TEST_F(NcclWorld, ARankThatStopsTakingRowsIsNamed) {
  NcclOptions options;
  options.rows_deadline = std::chrono::milliseconds(200);
  options.attempts = 0;
  auto ranks = make(2, options);
  Meeting warm(2);
  on_ranks(ranks, [&](Transport& transport) {
    RowMail mail(transport);
    exchange_among(transport, mail, {0, 1}, 0, 1);
    ASSERT_FINE(mail.flush());
    ASSERT_NO_FATAL_FAILURE(warm.wait(mail, transport));
    if (transport.rank() == RankId(1)) return;
    ASSERT_FINE(send_numbered(mail, transport, RankId(1), 1));
    const auto flushed = mail.flush();
    ASSERT_FALSE(flushed.has_value());
    EXPECT_EQ(flushed.error().code, ErrorCode::kDeadline);
    EXPECT_THAT(flushed.error().message, HasSubstr("not taken"));
    EXPECT_THAT(flushed.error().message, HasSubstr("rank 1"));
    ranks[0].reset();
  });
}

// A rank without NCCL among ranks with it.
TEST_F(NcclWorld, AMessageOfAnotherExchangeIsRefused) {
  auto base = make_local_world(2, suite::suite_limits());
  auto plain = std::move(base[1]);
  cuda_emulation::set_device_count(2);
  auto made = make_nccl_world(std::move(base[0]), suite::suite_limits(), {});
  ASSERT_FINE(made);
  const auto content = suite::make_content(64, 1);
  ASSERT_FINE(plain->send(RankId(0), Channel::kDispatch, content));
  const auto probed = (*made)->probe(Channel::kDispatch);
  ASSERT_FALSE(probed.has_value());
  EXPECT_EQ(probed.error().code, ErrorCode::kPeer);
  EXPECT_THAT(probed.error().message, HasSubstr("from rank 1"));
  plain.reset();
}

}  // namespace
}  // namespace switchyard::comm::test
