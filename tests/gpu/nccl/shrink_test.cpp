// Leaving a dead rank out of a communicator, where that does not work: a survivor that takes no
// part, and NCCL that fails until nobody tries any more.
#include <gmock/gmock.h>

#include <atomic>

#include "tests/gpu/nccl/meeting.h"
#include "tests/gpu/nccl/nccl_world.h"
#include "tests/gpu/nccl/row_mail.h"

namespace switchyard::comm::test {
namespace {

using cuda_emulation::NcclPoint;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using Lost = Transport::Lost;

constexpr std::size_t kRowBytes = 4096;

suite::Content rows_of(std::uint64_t i) { return suite::make_content(kRowBytes, i); }

// Rank 0 is the only one that sends, so its lane is the only one.
class ShrinkFails : public NcclWorld {
 protected:
  static void send(RowMail& mail, std::uint32_t to, std::uint64_t i) {
    ASSERT_FINE(mail.send(RankId(to), Channel::kDispatch, suite::make_content(8, i), rows_of(i)));
  }
  static void expect_rows(RowMail& mail, std::uint64_t i) {
    const auto letter = mail.receive(Channel::kDispatch);
    ASSERT_FINE(letter);
    EXPECT_EQ(letter->from, RankId(0));
    EXPECT_EQ(letter->rows, rows_of(i)) << "message " << i;
  }
  // One message to each of the others; all have theirs when it is left.
  static void begin(RowMail& mail, Transport& transport, Meeting& warm) {
    if (transport.rank() == RankId(0)) {
      for (std::uint32_t to = 1; to < transport.size(); ++to) send(mail, to, 0);
      ASSERT_FINE(mail.flush());
    } else {
      expect_rows(mail, 0);
    }
    ASSERT_NO_FATAL_FAILURE(warm.wait(mail, transport));
  }
};

// Rank 3 dies and rank 2 does not look: what is made of the rest never is complete. When the
// deadline has passed, a communicator is made by id; rank 2 has begun to look by then.
TEST_F(ShrinkFails, ASurvivorThatTakesNoPartCostsADeadline) {
  NcclOptions options;
  options.join_deadline = options.rows_deadline = std::chrono::milliseconds(500);
  options.attempts = 1000;  // a slow machine may need some more
  auto ranks = make(4, options);
  cuda_emulation::set_peer_loss(cuda_emulation::PeerLoss::kSilent);
  std::uint64_t shrinks = 0;
  std::uint64_t joins = 0;
  Meeting warm(4);
  Meeting dead(4);
  Meeting done(3);
  on_ranks(ranks, [&](Transport& transport) {
    RowMail mail(transport);
    ASSERT_NO_FATAL_FAILURE(begin(mail, transport, warm));
    if (transport.rank() == RankId(3)) {
      shrinks = cuda_emulation::nccl_visits(NcclPoint::kShrink);
      joins = cuda_emulation::nccl_visits(NcclPoint::kInit);
      ranks[3].reset();
      dead.arrive();
      return;
    }
    dead.arrive();
    transport.set_lost(RankId(3), Lost::kYes);
    if (transport.rank() == RankId(0)) {
      send(mail, 1, 1);
      send(mail, 2, 1);
      ASSERT_FINE(mail.flush());
    } else {
      const SteadyClock clock;
      const auto deadline = Deadline::after(clock, std::chrono::seconds(60));
      for (std::uint32_t round = 0; transport.rank() == RankId(2); ++round) {
        if (cuda_emulation::nccl_visits(NcclPoint::kInit) != joins) break;
        ASSERT_FALSE(deadline.passed(clock)) << "nobody begins a communicator by id";
        transport.wait_a_moment(round);
      }
      ASSERT_NO_FATAL_FAILURE(expect_rows(mail, 1));
    }
    ASSERT_FINE(mail.flush());
    ASSERT_NO_FATAL_FAILURE(done.wait(mail, transport));
  });
  EXPECT_GE(cuda_emulation::nccl_visits(NcclPoint::kShrink), shrinks + 2) << "ranks 0 and 1 tried";
}

// Rank 3 dies, and rank 2 while a communicator is made of the rest. The end of the old one is the
// end of that, and nothing is left of either.
TEST_F(ShrinkFails, ASecondDeathEndsTheOldAndTheNext) {
  auto ranks = make(4);
  cuda_emulation::set_peer_loss(cuda_emulation::PeerLoss::kSilent);
  const auto alive = cuda_emulation::nccl_alive();
  std::uint64_t shrinks = 0;
  Meeting warm(4);
  Meeting dead(4);
  Meeting both_dead(3);
  Meeting done(2);
  on_ranks(ranks, [&](Transport& transport) {
    const auto self = transport.rank();
    RowMail mail(transport);
    ASSERT_NO_FATAL_FAILURE(begin(mail, transport, warm));
    if (self == RankId(3)) {
      shrinks = cuda_emulation::nccl_visits(NcclPoint::kShrink);
      ranks[3].reset();
      dead.arrive();
      return;
    }
    dead.arrive();
    if (self != RankId(2)) transport.set_lost(RankId(3), Lost::kYes);
    if (self == RankId(0)) send(mail, 1, 1);
    const SteadyClock clock;
    const auto deadline = Deadline::after(clock, std::chrono::seconds(60));
    while (cuda_emulation::nccl_visits(NcclPoint::kShrink) < shrinks + 2) {
      if (self != RankId(2)) ASSERT_FINE(mail.turn());
      ASSERT_FALSE(deadline.passed(clock)) << "ranks 0 and 1 do not shrink";
    }
    if (self == RankId(2)) ranks[2].reset();
    both_dead.arrive();
    if (self == RankId(2)) return;
    transport.set_lost(RankId(2), Lost::kYes);
    if (self == RankId(1)) {
      ASSERT_NO_FATAL_FAILURE(expect_rows(mail, 1));
    }
    ASSERT_FINE(mail.flush());
    ASSERT_NO_FATAL_FAILURE(done.wait(mail, transport));
  });
  ranks.clear();
  EXPECT_EQ(cuda_emulation::nccl_alive(), alive);
}

struct Trying {
  const char* name;
  std::size_t attempts;
  ErrorCode code;
  ::testing::Matcher<std::string> message;
};

class ShrinkFailsForGood : public ShrinkFails, public ::testing::WithParamInterface<Trying> {};

// Rank 2 dies. The shrink fails at rank 0, and then whoever is the first to join by id does.
TEST_P(ShrinkFailsForGood, TheLastErrorIsTold) {
  NcclOptions options;
  options.attempts = GetParam().attempts;
  auto ranks = make(3, options);
  cuda_emulation::set_peer_loss(cuda_emulation::PeerLoss::kSilent);
  Meeting warm(3);
  Meeting dead(3);
  std::atomic<bool> over{false};
  on_ranks(ranks, [&](Transport& transport) {
    RowMail mail(transport);
    ASSERT_NO_FATAL_FAILURE(begin(mail, transport, warm));
    if (transport.rank() == RankId(2)) {
      ranks[2].reset();
      dead.arrive();
      return;
    }
    dead.arrive();
    if (transport.rank() == RankId(1)) {
      transport.set_lost(RankId(2), Lost::kYes);
      for (std::uint32_t round = 0; !over.load(); ++round) {
        ASSERT_FINE(mail.turn());
        transport.wait_a_moment(round);
      }
      ranks[1].reset();  // before the rows: freeing them waits for the lane's kernels
      return;
    }
    cuda_emulation::fail_nccl_at(NcclPoint::kShrink, ncclInternalError);
    cuda_emulation::fail_nccl_at(NcclPoint::kInit, ncclSystemError);
    transport.set_lost(RankId(2), Lost::kYes);
    send(mail, 1, 1);
    const auto flushed = mail.flush();
    over.store(true);
    ranks[0].reset();
    ASSERT_FALSE(flushed.has_value());
    EXPECT_EQ(flushed.error().code, GetParam().code);
    EXPECT_EQ(flushed.error().scope, ErrorScope::kCommunicator);
    EXPECT_THAT(flushed.error().message, GetParam().message);
  });
}

INSTANTIATE_TEST_SUITE_P(
    After, ShrinkFailsForGood,
    ::testing::Values(Trying{"NoMoreAttempt", 0, ErrorCode::kInternal,
                             AllOf(HasSubstr("leaving ranks out of a communicator: internal error"),
                                   HasSubstr("given up after 0 more attempts"))},
                      Trying{
                          "OneMore", 1, ErrorCode::kPeer,
                          AllOf(AnyOf(HasSubstr("joining a communicator: unhandled system error"),
                                      HasSubstr("the lane of rank 0 failed at rank 1")),
                                HasSubstr("given up after 1 more attempts"))}),
    [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace switchyard::comm::test
