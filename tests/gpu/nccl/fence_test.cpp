// A sender that ends its communicator with rows under way, where the abort lets the receives of the
// others end as if the rows had come: nobody may take what is in their place.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "tests/gpu/nccl/meeting.h"
#include "tests/gpu/nccl/nccl_world.h"
#include "tests/gpu/nccl/row_mail.h"

namespace switchyard::comm::test {
namespace {

using cuda_emulation::NcclPoint;
using Lost = Transport::Lost;

constexpr std::size_t kRowBytes = 200'000;  // more than the emulated NCCL holds on its way
constexpr std::chrono::seconds kPatience{60};
constexpr int kLooks = 300;

suite::Content rows_of(std::uint64_t i) { return suite::make_content(kRowBytes, 100 + i); }

// A network that can be slow: while it is held, nothing comes.
class SlowTransport final : public Transport {
 public:
  SlowTransport(std::unique_ptr<Transport> base, std::atomic<bool>& held)
      : base_(std::move(base)), held_(held) {}
  std::string_view name() const noexcept override { return base_->name(); }
  RankId rank() const noexcept override { return base_->rank(); }
  std::size_t size() const noexcept override { return base_->size(); }
  std::span<const std::string> hosts() const noexcept override { return base_->hosts(); }
  Result<SendTicket> send(RankId to, Channel channel, Bytes bytes) override {
    return base_->send(to, channel, bytes);
  }
  Result<bool> send_done(SendTicket ticket) override { return base_->send_done(ticket); }
  Result<std::optional<Arrival>> probe(Channel channel) override {
    if (held_.load()) return std::nullopt;
    return base_->probe(channel);
  }
  Result<void> receive(const Arrival& arrival, MutableBytes into) override {
    return base_->receive(arrival, into);
  }
  void wait_a_moment(std::uint32_t idle_rounds) override { base_->wait_a_moment(idle_rounds); }
  void wake() noexcept override { base_->wake(); }
  void set_lost(RankId rank, Lost lost) noexcept override { base_->set_lost(rank, lost); }
  Result<void> finalize(Deadline deadline) override { return base_->finalize(deadline); }

 private:
  std::unique_ptr<Transport> base_;
  std::atomic<bool>& held_;
};

class AbortsPoison : public NcclWorld {
 protected:
  // Rank 0 sends, rank 1 has a slow network, rank 2 is lost when the test says so.
  Ranks make_slow(const NcclOptions& options = {}) {
    auto base = make_local_world(3, suite::suite_limits());
    base[1] = std::make_unique<SlowTransport>(std::move(base[1]), held_);
    auto ranks = make(std::move(base), options);
    cuda_emulation::set_peer_loss(cuda_emulation::PeerLoss::kPoison);
    return ranks;
  }
  static void send(RowMail& mail, std::uint32_t to, std::uint64_t i) {
    ASSERT_FINE(mail.send(RankId(to), Channel::kDispatch, suite::make_content(8, i), rows_of(i)));
  }
  static void expect_rows(RowMail& mail, std::uint64_t i) {
    const auto letter = mail.receive(Channel::kDispatch);
    ASSERT_FINE(letter);
    EXPECT_EQ(letter->rows, rows_of(i)) << "message " << i;
  }
  // A message to each; then the head of a second one for rank 1, which asks for its rows. They do
  // not come: rank 0 does not look again.
  void begin(RowMail& mail, Transport& transport) {
    const bool sender = transport.rank() == RankId(0);
    if (sender) {
      send(mail, 1, 0);
      send(mail, 2, 0);
      ASSERT_FINE(mail.flush());
    } else {
      expect_rows(mail, 0);
    }
    ASSERT_NO_FATAL_FAILURE(warm_.wait(mail, transport));
    const auto groups = cuda_emulation::nccl_visits(NcclPoint::kGroup);
    counted_.arrive();
    if (sender) send(mail, 1, 1);
    const SteadyClock clock;
    const auto deadline = Deadline::after(clock, kPatience);
    while (transport.rank() == RankId(1) &&
           cuda_emulation::nccl_visits(NcclPoint::kGroup) == groups) {
      ASSERT_FINE(mail.turn());
      ASSERT_FALSE(deadline.passed(clock)) << "rank 1 does not ask for rows";
    }
    asked_.arrive();
  }
  // Looks at what comes, and waits until `over`.
  static void look(RowMail& mail, const std::atomic<bool>& over) {
    const SteadyClock clock;
    const auto deadline = Deadline::after(clock, kPatience);
    for (int after = 0; after < kLooks;) {
      ASSERT_FINE(mail.turn());
      if (over.load()) ++after;
      ASSERT_FALSE(deadline.passed(clock)) << "rank 0 does not come to an end";
    }
  }

  std::atomic<bool> held_{false};
  Meeting warm_{3};
  Meeting counted_{3};
  Meeting asked_{3};
};

struct Way {
  const char* name;
  NcclShrink shrink;
};
class ALossPoisons : public AbortsPoison, public ::testing::WithParamInterface<Way> {};

// Rank 2 is lost. Rank 0's words come late at rank 1; that they do not come early is what counts.
TEST_P(ALossPoisons, NothingUntilTheReceiverHasLetGo) {
  NcclOptions options;
  options.rows_deadline = std::chrono::hours(1);
  options.shrink = GetParam().shrink;
  auto ranks = make_slow(options);
  std::atomic<bool> tried{false};
  Meeting lost(2);
  Meeting done(2);
  on_ranks(ranks, [&](Transport& transport) {
    RowMail mail(transport);
    ASSERT_NO_FATAL_FAILURE(begin(mail, transport));
    if (transport.rank() == RankId(2)) return;
    if (transport.rank() == RankId(1)) {
      held_.store(true);
      lost.arrive();
      ASSERT_NO_FATAL_FAILURE(look(mail, tried));
      held_.store(false);
      transport.set_lost(RankId(2), Lost::kYes);
      ASSERT_NO_FATAL_FAILURE(expect_rows(mail, 1));
    } else {
      lost.arrive();
      transport.set_lost(RankId(2), Lost::kYes);
      for (int i = 0; i < kLooks; ++i) {
        ASSERT_FINE(mail.turn());
        std::this_thread::yield();
      }
      tried.store(true);
    }
    ASSERT_FINE(mail.flush());
    ASSERT_NO_FATAL_FAILURE(done.wait(mail, transport));
  });
}

INSTANTIATE_TEST_SUITE_P(Ways, ALossPoisons,
                         ::testing::Values(Way{"ByShrinking", NcclShrink::kWherePossible},
                                           Way{"Anew", NcclShrink::kNever}),
                         [](const auto& each) { return each.param.name; });

// Rank 0 ends, or gives up what is under way.
TEST_F(AbortsPoison, NothingWhenTheSenderGoes) {
  auto ranks = make_slow();
  std::atomic<bool> gone{false};
  on_ranks(ranks, [&](Transport& transport) {
    RowMail mail(transport);
    ASSERT_NO_FATAL_FAILURE(begin(mail, transport));
    if (transport.rank() == RankId(0)) {
      ranks[0].reset();
      gone.store(true);
    } else if (transport.rank() == RankId(1)) {
      ASSERT_NO_FATAL_FAILURE(look(mail, gone));
      const auto letter = mail.take(Channel::kDispatch);
      ASSERT_FINE(letter);
      EXPECT_FALSE(letter->has_value()) << "rows that never came were delivered";
    }
  });
}

TEST_F(AbortsPoison, NothingWhenTheSenderHalts) {
  auto ranks = make_slow();
  std::atomic<bool> halted{false};
  Meeting seen(3);
  Meeting done(3);
  on_ranks(ranks, [&](Transport& transport) {
    RowMail mail(transport);
    ASSERT_NO_FATAL_FAILURE(begin(mail, transport));
    if (transport.rank() == RankId(0)) {
      const SteadyClock clock;
      EXPECT_TRUE(transport.halt_rows(Deadline::after(clock, kPatience)));
      halted.store(true);
    } else {
      ASSERT_NO_FATAL_FAILURE(look(mail, halted));
    }
    seen.arrive();
    if (transport.rank() == RankId(0)) {
      send(mail, 1, 2);
    } else if (transport.rank() == RankId(1)) {
      ASSERT_NO_FATAL_FAILURE(expect_rows(mail, 2));
    }
    ASSERT_FINE(mail.flush());
    ASSERT_NO_FATAL_FAILURE(done.wait(mail, transport));
  });
}

}  // namespace
}  // namespace switchyard::comm::test
