// Rows that leave from and arrive in memory that NCCL knows: whole and in order as ever, registered
// anew with every communicator, freed last; and what cannot be registered goes all the same.
#include <gmock/gmock.h>

#include <algorithm>

#include "comm/nccl/registration.h"
#include "tests/gpu/nccl/log_text.h"
#include "tests/gpu/nccl/meeting.h"
#include "tests/gpu/nccl/nccl_world.h"
#include "tests/gpu/nccl/row_mail.h"

namespace switchyard::comm::test {
namespace {

using cuda_emulation::NcclPoint;
using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr std::size_t kRowBytes = 100'000;  // more than the emulated NCCL holds on its way
constexpr std::size_t kPieces = 12;         // more than are ever under way here

suite::Content rows_of(RankId from, std::uint64_t i) {
  return suite::make_content(kRowBytes, hash_counters(11, from.value(), i, 0));
}

// Messages so far of each rank, this one's own among them.
using Told = std::vector<std::uint64_t>;

// To every rank of `ranks` but this one, `count` messages; and theirs. Who is ahead may be heard
// with messages of its next exchange: they count for that.
void exchange(Transport& transport, RowMail& mail, const std::vector<std::uint32_t>& ranks,
              Told& told, std::uint64_t count) {
  told.resize(transport.size());
  std::uint64_t& own = told[transport.rank().index()];
  for (const std::uint64_t end = own + count; own < end; ++own) {
    for (const std::uint32_t to : ranks) {
      if (RankId(to) == transport.rank()) continue;
      ASSERT_FINE(mail.send(RankId(to), Channel::kDispatch, suite::make_content(8, own),
                            rows_of(transport.rank(), own)));
    }
  }
  const auto behind = [&](std::uint32_t rank) { return told[rank] < own; };
  while (std::ranges::any_of(ranks, behind)) {
    const auto letter = mail.receive(Channel::kDispatch);
    ASSERT_FINE(letter);
    const std::uint64_t i = told[letter->from.index()]++;
    ASSERT_EQ(letter->head, suite::make_content(8, i)) << "from rank " << letter->from.value();
    ASSERT_EQ(letter->rows, rows_of(letter->from, i)) << "from rank " << letter->from.value();
  }
  ASSERT_FINE(mail.flush());
}

class Registered : public NcclWorld {
 protected:
  static std::uint64_t bytes_sent() { return cuda_emulation::nccl_registered_bytes_sent(); }
  // Of three ranks, each to each, from registered memory.
  static constexpr std::uint64_t bytes_of(std::uint64_t messages) {
    return messages * 6 * kRowBytes;
  }
};

TEST_F(Registered, RowsComeWholeInEveryScheduleAndNothingIsLeftBehind) {
  using cuda_emulation::Order;
  using cuda_emulation::Progress;
  for (const cuda_emulation::Schedule& schedule :
       {cuda_emulation::Schedule{Order::kAscending, Progress::kLate, 1},
        cuda_emulation::Schedule{Order::kDescending, Progress::kEarly, 1},
        cuda_emulation::Schedule{Order::kRandom, Progress::kRandom, 5}}) {
    start(schedule);
    const std::uint64_t before = bytes_sent();
    {
      auto ranks = make(3);
      on_ranks(ranks, [](Transport& transport) {
        RowMail mail(transport);
        Told told;
        mail.borrow(kPieces, kRowBytes);
        exchange(transport, mail, {0, 1, 2}, told, 5);
        EXPECT_GT(cuda_emulation::nccl_registrations(), 0U);
        finalize(transport);
      });
      EXPECT_EQ(cuda_emulation::nccl_registrations(), 0U);
    }
    EXPECT_EQ(bytes_sent() - before, bytes_of(5)) << "every byte once, from registered memory";
    EXPECT_EQ(cuda_emulation::device_bytes_in_use(), 0U) << "freed, which registered memory is not";
  }
}

// Which call fails, at whom, and what the log says of it.
struct Hindrance {
  const char* name;
  void (*hinder)(Transport& transport, RowMail& mail);  // at each rank, rank 1 first
  const char* reason;
};

void fail_at(NcclPoint point) { cuda_emulation::fail_nccl_at(point, ncclUnhandledCudaError); }

class Hindered : public Registered, public ::testing::WithParamInterface<Hindrance> {};

// One failure is enough: a lane whose members would pass different kinds of memory goes plain. Only
// the wish for registered memory is given up, none of the attempts that a failing lane has.
TEST_P(Hindered, RowsGoAllTheSameAndTheReasonIsSaidOnce) {
  LogText logged;
  NcclOptions options;
  options.log = logged.log();
  options.attempts = 0;
  auto ranks = make(3, options);
  Meeting one_is(3);
  Meeting all_are(3);
  on_ranks(ranks, [&](Transport& transport) {
    RowMail mail(transport);
    Told told;
    const bool first = transport.rank() == RankId(1);
    if (!first) one_is.arrive();
    GetParam().hinder(transport, mail);
    mail.borrow(kPieces, kRowBytes);
    if (first) one_is.arrive();
    all_are.arrive();
    exchange(transport, mail, {0, 1, 2}, told, 3);
    exchange(transport, mail, {0, 1, 2}, told, 3);
    finalize(transport);
  });
  // Whoever comes first: the sender itself, or a receiver that tells it.
  EXPECT_THAT(logged.text(),
              AnyOf(HasSubstr(GetParam().reason), HasSubstr("cannot register its memory")));
  EXPECT_LE(logged.count("rows_not_registered"), 6U) << "twice a rank:\n" << logged.text();
  EXPECT_EQ(cuda_emulation::nccl_registrations(), 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Of, Hindered,
    ::testing::Values(Hindrance{"MemoryToSendFrom",
                                [](Transport& transport, RowMail& /*mail*/) {
                                  if (transport.rank() == RankId(1)) fail_at(NcclPoint::kMemAlloc);
                                },
                                "memory for rows"},
                      Hindrance{"MemoryToReceiveInto",
                                [](Transport& transport, RowMail& mail) {
                                  if (transport.rank() != RankId(1)) return;
                                  mail.borrow(kPieces, kRowBytes);
                                  fail_at(NcclPoint::kMemAlloc);
                                  ASSERT_FINE(transport.reserve_rows(std::size_t{20} << 20));
                                },
                                "rows arrive by NCCL's own buffers: nccl: memory for rows"},
                      Hindrance{"ARegistration",
                                [](Transport& transport, RowMail& /*mail*/) {
                                  if (transport.rank() == RankId(1)) fail_at(NcclPoint::kRegister);
                                },
                                "registering memory for rows"},
                      Hindrance{"TheUser",
                                [](Transport& /*transport*/, RowMail& /*mail*/) {
                                  cuda_emulation::set_nccl_local_register(
                                      cuda_emulation::LocalRegister::kOff);
                                },
                                "NCCL_LOCAL_REGISTER"},
                      Hindrance{"AnotherVersion",
                                [](Transport& /*transport*/, RowMail& /*mail*/) {
                                  cuda_emulation::set_nccl_version(22205);
                                },
                                "NCCL 2.22.5"}),
    [](const auto& each) { return each.param.name; });

// Nobody minds: the abort takes back what this call did not.
TEST_F(Registered, ADeregistrationThatFailsIsNotMissed) {
  auto ranks = make(3);
  on_ranks(ranks, [](Transport& transport) {
    RowMail mail(transport);
    Told told;
    mail.borrow(kPieces, kRowBytes);
    exchange(transport, mail, {0, 1, 2}, told, 2);
    if (transport.rank() == RankId(1)) fail_at(NcclPoint::kDeregister);
    finalize(transport);
  });
  ranks.clear();
  EXPECT_EQ(cuda_emulation::nccl_registrations(), 0U);
  EXPECT_EQ(cuda_emulation::device_bytes_in_use(), 0U);
}

// Rows that lie elsewhere, in the middle of things: the lane is made anew without registering.
TEST_F(Registered, RowsInOtherMemoryTurnALanePlain) {
  LogText logged;
  NcclOptions options;
  options.log = logged.log();
  options.attempts = 0;
  auto ranks = make(3, options);
  const std::uint64_t before = bytes_sent();
  on_ranks(ranks, [&](Transport& transport) {
    RowMail mail(transport);
    Told told;
    mail.borrow(kPieces, kRowBytes);
    exchange(transport, mail, {0, 1, 2}, told, 2);
    std::vector<RowLoan> all;  // so that nothing is left to be lent
    if (transport.rank() == RankId(2)) {
      for (std::size_t i = 0; i < kPieces; ++i) all.emplace_back(transport, kRowBytes);
    }
    exchange(transport, mail, {0, 1, 2}, told, 3);
    finalize(transport);
  });
  EXPECT_EQ(bytes_sent() - before, bytes_of(2) + 3 * 4 * kRowBytes) << "rank 2's lane is plain";
  EXPECT_THAT(logged.text(), HasSubstr("other memory"));
  EXPECT_EQ(logged.count("rows_not_registered"), 1U) << logged.text();
}

struct Loss {
  const char* name;
  cuda_emulation::PeerLoss told;
  NcclShrink shrink;
};
class RegisteredRankDies : public Registered, public ::testing::WithParamInterface<Loss> {};

// The next communicator registers again, whichever way it is made.
TEST_P(RegisteredRankDies, TheOthersRegisterAnew) {
  NcclOptions options;
  options.shrink = GetParam().shrink;
  auto ranks = make(3, options);
  cuda_emulation::set_peer_loss(GetParam().told);
  Meeting warm(3);
  std::atomic<bool> dead{false};
  std::atomic<std::uint64_t> before{0};
  Meeting left_alone(2);
  on_ranks(ranks, [&](Transport& transport) {
    RowMail mail(transport);
    Told told;
    mail.borrow(kPieces, kRowBytes);
    exchange(transport, mail, {0, 1, 2}, told, 2);
    ASSERT_NO_FATAL_FAILURE(warm.wait(mail, transport));
    if (transport.rank() == RankId(2)) {
      before = bytes_sent();
      ranks[2].reset();
      dead.store(true);
      dead.notify_all();
      return;
    }
    dead.wait(false);
    ASSERT_FINE(mail.send(RankId(2), Channel::kDispatch, {}, rows_of(transport.rank(), 9)));
    transport.set_lost(RankId(2), Transport::Lost::kYes);
    exchange(transport, mail, {0, 1}, told, 4);
    ASSERT_NO_FATAL_FAILURE(left_alone.wait(mail, transport));
  });
  // What was under way when the lane was made anew went twice.
  EXPECT_GE(bytes_sent() - before.load(), 2 * 4 * kRowBytes);
  ranks.clear();
  EXPECT_EQ(cuda_emulation::nccl_registrations(), 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Deaths, RegisteredRankDies,
    ::testing::Values(
        Loss{"SilentShrunk", cuda_emulation::PeerLoss::kSilent, NcclShrink::kWherePossible},
        Loss{"SilentMadeAnew", cuda_emulation::PeerLoss::kSilent, NcclShrink::kNever},
        Loss{"ReportedMadeAnew", cuda_emulation::PeerLoss::kReported, NcclShrink::kNever}),
    [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace switchyard::comm::test
