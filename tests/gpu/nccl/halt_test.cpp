// Memory of a GPU can be freed again, whatever its lanes were doing: after a rank has given up, and
// after Transport::halt_rows(). What frees it waits for every kernel of the GPU.
#include <gmock/gmock.h>

#include <atomic>
#include <future>

#include "tests/gpu/nccl/meeting.h"
#include "tests/gpu/nccl/nccl_world.h"
#include "tests/gpu/nccl/row_mail.h"

namespace switchyard::comm::test {
namespace {

using cuda_emulation::Aborts;
using cuda_emulation::NcclPoint;

constexpr std::size_t kRowBytes = 200'000;  // more than the emulated NCCL holds on its way
constexpr std::chrono::seconds kPatience{20};

suite::Content rows_of(std::uint32_t from, std::uint64_t i) {
  return suite::make_content(kRowBytes, hash_counters(7, from, i, 0));
}

class HaltedRows : public NcclWorld {
 protected:
  static Result<void> send(RowMail& mail, Transport& transport, RankId to, std::uint64_t i) {
    return mail.send(to, Channel::kDispatch, suite::make_content(8, i),
                     rows_of(transport.rank().value(), i));
  }
  static void expect_rows(RowMail& mail, std::uint32_t from, std::uint64_t i) {
    const auto letter = mail.receive(Channel::kDispatch);
    ASSERT_FINE(letter);
    EXPECT_EQ(letter->from, RankId(from));
    EXPECT_EQ(letter->rows, rows_of(from, i)) << "message " << i << " of rank " << from;
  }
  // Whether the rank's GPU comes to rest. Where it does not the transport ends, so that the test
  // does.
  static bool rests(std::unique_ptr<Transport>& transport) {
    const int gpu = static_cast<int>(transport->rank().value());
    auto waited = std::async(std::launch::async, [gpu] {
      return cudaSetDevice(gpu) == cudaSuccess && cudaDeviceSynchronize() == cudaSuccess;
    });
    const bool rests = waited.wait_for(kPatience) == std::future_status::ready;
    if (!rests) transport.reset();
    return waited.get() && rests;
  }
  static Deadline deadline() {
    const SteadyClock clock;
    return Deadline::after(clock, kPatience);
  }
};

// Rank 1 has joined and looks no more; rank 0 gives up with its rows under way.
TEST_F(HaltedRows, ARankThatGivesUpLeavesNothingUnderWay) {
  NcclOptions options;
  options.rows_deadline = std::chrono::milliseconds(200);
  options.attempts = 0;
  auto ranks = make(2, options);
  cuda_emulation::set_peer_loss(cuda_emulation::PeerLoss::kSilent);
  Meeting warm(2);
  on_ranks(ranks, [&](Transport& transport) {
    RowMail mail(transport);
    const RankId other(1 - transport.rank().value());
    ASSERT_FINE(send(mail, transport, other, 0));
    ASSERT_NO_FATAL_FAILURE(expect_rows(mail, other.value(), 0));
    ASSERT_FINE(mail.flush());
    ASSERT_NO_FATAL_FAILURE(warm.wait(mail, transport));
    if (transport.rank() == RankId(1)) return;
    ASSERT_FINE(send(mail, transport, other, 1));
    ASSERT_FALSE(mail.flush().has_value());
    EXPECT_FALSE(mail.turn().has_value()) << "it goes on after it has given up";
    EXPECT_TRUE(rests(ranks[0])) << "its send is still under way";
  });
}

// Rank 1 has joined and looks no more; rank 0 leaves with rows under way that lie in memory which
// its transport has lent. Then what it has can end in any order, before the transport.
TEST_F(HaltedRows, ARankThatLeavesAtOnceGivesItsLoansBackLater) {
  NcclOptions options;
  options.join_deadline = options.rows_deadline = std::chrono::hours(1);
  auto ranks = make(2, options);
  cuda_emulation::set_peer_loss(cuda_emulation::PeerLoss::kSilent);
  const auto groups = [] { return cuda_emulation::nccl_visits(NcclPoint::kGroup); };
  Meeting warm(2);
  Meeting counted(2);
  on_ranks(ranks, [&](Transport& transport) {
    RowMail mail(transport);
    mail.borrow(2, kRowBytes);
    const RankId other(1 - transport.rank().value());
    ASSERT_FINE(send(mail, transport, other, 0));
    ASSERT_NO_FATAL_FAILURE(expect_rows(mail, other.value(), 0));
    ASSERT_FINE(mail.flush());
    ASSERT_NO_FATAL_FAILURE(warm.wait(mail, transport));
    const auto before = groups();
    counted.arrive();
    if (transport.rank() == RankId(1)) return;
    ASSERT_FINE(send(mail, transport, other, 1));
    const SteadyClock clock;
    const auto patience = deadline();
    while (groups() == before) {
      ASSERT_FINE(mail.turn());
      ASSERT_FALSE(patience.passed(clock)) << "rank 0 does not send";
    }
    // Rank 1 is alive and answers no fence; all of the time that there is would be waited for.
    transport.set_lost(other, Transport::Lost::kYes);
    EXPECT_TRUE(transport.leave_at_once(deadline()));
    EXPECT_TRUE(rests(ranks[0])) << "its send is still under way";
  });
  const suite::Content word(1);
  const auto late = ranks[1]->send(RankId(0), Channel::kControl, word);
  ASSERT_FALSE(late.has_value()) << "rank 0 is still there";
  EXPECT_EQ(late.error().code, ErrorCode::kPeer);
}

// Rank 0 has a send under way that nobody takes, rank 1 a receive for which no rows come. Both
// halt, free memory, and go on with each other.
TEST_F(HaltedRows, BothEndsRestAndGoOn) {
  NcclOptions options;
  options.join_deadline = options.rows_deadline = std::chrono::hours(1);
  auto ranks = make(3, options);
  cuda_emulation::set_peer_loss(cuda_emulation::PeerLoss::kSilent);
  const auto groups = [] { return cuda_emulation::nccl_visits(NcclPoint::kGroup); };
  Meeting warm(3);
  Meeting counted(3);
  Meeting asked(3);
  Meeting sending(3);
  Meeting halted(3);
  Meeting done(3);
  on_ranks(ranks, [&](Transport& transport) {
    const std::uint32_t self = transport.rank().value();
    auto& own = ranks[self];
    RowMail mail(transport);
    if (self == 0) {
      ASSERT_FINE(send(mail, transport, RankId(1), 0));
      ASSERT_FINE(send(mail, transport, RankId(2), 0));
      ASSERT_FINE(mail.flush());
    } else {
      ASSERT_NO_FATAL_FAILURE(expect_rows(mail, 0, 0));
    }
    ASSERT_NO_FATAL_FAILURE(warm.wait(mail, transport));
    const auto before = groups();
    counted.arrive();
    const SteadyClock clock;
    const auto patience = deadline();
    if (self == 0) {
      ASSERT_FINE(send(mail, transport, RankId(1), 1));  // its head goes, its rows do not
      asked.arrive();
      while (groups() < before + 2) {
        ASSERT_FINE(mail.turn());
        ASSERT_FALSE(patience.passed(clock)) << "rank 0 does not send";
      }
    } else if (self == 1) {
      while (groups() < before + 1) {
        ASSERT_FINE(mail.turn());
        ASSERT_FALSE(patience.passed(clock)) << "rank 1 does not ask for rows";
      }
      EXPECT_TRUE(transport.halt_rows(deadline()));
      EXPECT_TRUE(rests(own)) << "its receive is still under way";
      asked.arrive();
    } else {
      asked.arrive();
    }
    sending.arrive();
    if (self == 0) {  // the others look: they are told
      EXPECT_TRUE(transport.halt_rows(deadline()));
      EXPECT_TRUE(rests(own)) << "its send is still under way";
    }
    ASSERT_NO_FATAL_FAILURE(halted.wait(mail, transport));
    if (self == 0) {
      ASSERT_FINE(send(mail, transport, RankId(1), 2));
      ASSERT_FINE(send(mail, transport, RankId(2), 2));
    } else {
      ASSERT_NO_FATAL_FAILURE(expect_rows(mail, 0, 2));
      ASSERT_FINE(send(mail, transport, RankId(0), self));
    }
    for (std::uint32_t i = 1; self == 0 && i < 3; ++i) {
      const auto letter = mail.receive(Channel::kDispatch);
      ASSERT_FINE(letter);
      EXPECT_EQ(letter->rows, rows_of(letter->from.value(), letter->from.value()));
    }
    ASSERT_FINE(mail.flush());
    ASSERT_NO_FATAL_FAILURE(done.wait(mail, transport));
    finalize(transport);
  });
}

// An abort that takes its time, or one that returns before its kernels have ended.
class SlowEnds : public HaltedRows, public ::testing::WithParamInterface<Aborts> {};

// Rank 2 is lost with rows for it under way, and no id can be had for the next communicator: the
// rows are the old one's until that is gone.
TEST_P(SlowEnds, RowsAreInUseUntilTheOldLaneIsGone) {
  const auto aborted = cuda_emulation::nccl_aborted();
  NcclOptions options;
  options.shrink = NcclShrink::kNever;
  options.join_deadline = options.rows_deadline = std::chrono::hours(1);
  auto ranks = make(3, options);
  cuda_emulation::set_peer_loss(cuda_emulation::PeerLoss::kSilent);
  const auto groups = [] { return cuda_emulation::nccl_visits(NcclPoint::kGroup); };
  Meeting warm(3);
  Meeting counted(3);
  Meeting done(2);
  on_ranks(ranks, [&](Transport& transport) {
    const std::uint32_t self = transport.rank().value();
    RowMail mail(transport);
    if (self == 0) {
      ASSERT_FINE(send(mail, transport, RankId(1), 0));
      ASSERT_FINE(send(mail, transport, RankId(2), 0));
      ASSERT_FINE(mail.flush());
    } else {
      ASSERT_NO_FATAL_FAILURE(expect_rows(mail, 0, 0));
    }
    ASSERT_NO_FATAL_FAILURE(warm.wait(mail, transport));
    const auto before = groups();
    counted.arrive();
    if (self == 2) return;  // looks no more
    if (self == 0) {
      ASSERT_FINE(send(mail, transport, RankId(2), 1));
      const SteadyClock clock;
      const auto patience = deadline();
      while (groups() < before + 1) {
        ASSERT_FINE(mail.turn());
        ASSERT_FALSE(patience.passed(clock)) << "rank 0 does not send";
      }
      cuda_emulation::set_nccl_aborts(GetParam());
      cuda_emulation::fail_nccl_at(NcclPoint::kUniqueId, ncclSystemError);
    }
    transport.set_lost(RankId(2), Transport::Lost::kYes);
    if (self == 0) {
      const SteadyClock clock;
      const auto patience = deadline();
      while (GetParam() == Aborts::kEarly && cuda_emulation::nccl_aborted() == aborted) {
        ASSERT_FINE(mail.turn());
        ASSERT_FALSE(patience.passed(clock)) << "rank 0 does not end its lane";
      }
      for (int look = 0; look < 50; ++look) ASSERT_FINE(mail.turn());
      EXPECT_EQ(mail.in_flight(), 1U) << "done, while it is being sent";
      cuda_emulation::set_nccl_aborts(Aborts::kRun);
      ASSERT_FINE(mail.flush());
      ASSERT_FINE(send(mail, transport, RankId(1), 2));
    } else {
      ASSERT_NO_FATAL_FAILURE(expect_rows(mail, 0, 2));
    }
    ASSERT_FINE(mail.flush());
    ASSERT_NO_FATAL_FAILURE(done.wait(mail, transport));
  });
}

INSTANTIATE_TEST_SUITE_P(Aborts, SlowEnds, ::testing::Values(Aborts::kHeld, Aborts::kEarly),
                         [](const auto& each) {
                           return each.param == Aborts::kHeld ? "Held" : "Early";
                         });

}  // namespace
}  // namespace switchyard::comm::test
