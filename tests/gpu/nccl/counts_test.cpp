// Two ends of a lane that disagree about the length of the rows: the emulated NCCL is strict about
// it, the real one waits or delivers less. The lane is made anew; where that does not help, the run
// ends with an error.
#include <gmock/gmock.h>

#include <atomic>
#include <cstring>

#include "comm/nccl/link_word.h"
#include "tests/gpu/nccl/nccl_world.h"
#include "tests/gpu/nccl/row_mail.h"

namespace switchyard::comm::test {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr std::size_t kRowBytes = 200'000;
constexpr std::size_t kLieBytes = 16;

// Passes everything on, but of the first `lies` heads that come the rows' length is wrong.
class LyingTransport final : public Transport {
 public:
  LyingTransport(std::unique_ptr<Transport> base, int lies) : base_(std::move(base)), lies_(lies) {}
  std::string_view name() const noexcept override { return base_->name(); }
  RankId rank() const noexcept override { return base_->rank(); }
  std::size_t size() const noexcept override { return base_->size(); }
  std::span<const std::string> hosts() const noexcept override { return base_->hosts(); }
  Result<SendTicket> send(RankId to, Channel channel, Bytes bytes) override {
    return base_->send(to, channel, bytes);
  }
  Result<bool> send_done(SendTicket ticket) override { return base_->send_done(ticket); }
  Result<std::optional<Arrival>> probe(Channel channel) override { return base_->probe(channel); }
  Result<void> receive(const Arrival& arrival, MutableBytes into) override {
    SY_TRY(base_->receive(arrival, into));
    nccl::LinkWord word;
    if (into.size() < sizeof word || lies_ == 0) return {};
    std::byte* const at = into.data() + into.size() - sizeof word;
    std::memcpy(&word, at, sizeof word);
    if (word.kind != nccl::WordKind::kMessage || word.row_bytes != kRowBytes) return {};
    --lies_;
    word.row_bytes -= kLieBytes;
    std::memcpy(at, &word, sizeof word);
    return {};
  }
  void wait_a_moment(std::uint32_t idle_rounds) override { base_->wait_a_moment(idle_rounds); }
  void wake() noexcept override { base_->wake(); }
  void set_lost(RankId rank, Lost lost) noexcept override { base_->set_lost(rank, lost); }
  Result<void> finalize(Deadline deadline) override { return base_->finalize(deadline); }

 private:
  std::unique_ptr<Transport> base_;
  int lies_;  // that are left; negative: no end of them
};

class WrongCounts : public NcclWorld {
 protected:
  static Ranks make_lied_to(int lies, const NcclOptions& options) {
    auto base = make_local_world(2, suite::suite_limits());
    base[0] = std::make_unique<LyingTransport>(std::move(base[0]), lies);
    return make(std::move(base), options);
  }
};

TEST_F(WrongCounts, OnceTheRowsComeWholeAllTheSame) {
  auto ranks = make_lied_to(1, {});
  on_ranks(ranks, [&](Transport& transport) {
    RowMail mail(transport);
    const auto head = suite::make_content(8, 1);
    const auto rows = suite::make_content(kRowBytes, 2);
    if (transport.rank() == RankId(1)) {
      ASSERT_FINE(mail.send(RankId(0), Channel::kDispatch, head, rows));
      ASSERT_FINE(mail.flush());
    } else {
      const auto letter = mail.receive(Channel::kDispatch);
      ASSERT_FINE(letter);
      EXPECT_EQ(letter->rows, rows);
      EXPECT_THAT(cuda_emulation::last_nccl_complaint(), HasSubstr("disagree"));
    }
    finalize(transport);
  });
}

TEST_F(WrongCounts, AgainAndAgainTheyEndTheRun) {
  NcclOptions options;
  options.attempts = 2;
  // Nobody's deadline ends it: the receiver finds out and says so.
  options.rows_deadline = options.join_deadline = std::chrono::hours(1);
  auto ranks = make_lied_to(-1, options);
  std::atomic<bool> over{false};
  on_ranks(ranks, [&](Transport& transport) {
    RowMail mail(transport);
    if (transport.rank() == RankId(1)) {
      ASSERT_FINE(mail.send(RankId(0), Channel::kDispatch, suite::make_content(8, 1),
                            suite::make_content(kRowBytes, 2)));
      const auto flushed = mail.flush();
      ASSERT_FALSE(flushed.has_value());
      EXPECT_EQ(flushed.error().code, ErrorCode::kPeer);
      EXPECT_EQ(flushed.error().scope, ErrorScope::kCommunicator);
      // From NCCL or from the receiver itself, whichever comes first.
      EXPECT_THAT(flushed.error().message,
                  AllOf(AnyOf(HasSubstr("moving rows: remote process exited"),
                              HasSubstr("the lane of rank 1 failed at rank 0")),
                        HasSubstr("given up after 2 more attempts")));
      ranks[1].reset();  // before the rows: freeing them waits for the lane's kernels
      over.store(true);
    } else {
      for (std::uint32_t round = 0; !over.load(); ++round) {
        ASSERT_FINE(mail.turn());
        transport.wait_a_moment(round);
      }
      const auto probed = transport.probe(Channel::kDispatch);
      ASSERT_FINE(probed);
      EXPECT_FALSE(probed->has_value()) << "rows of another length were delivered";
    }
  });
}

}  // namespace
}  // namespace switchyard::comm::test
