// One end of a lane by itself, over a transport that refuses what it is told to.
#include "comm/nccl/inbox.h"

#include <gtest/gtest.h>

#include "tests/gpu/nccl/nccl_world.h"

namespace switchyard::comm::nccl {
namespace {

// To nobody: keeps the words that it is given.
class Nowhere final : public Transport {
 public:
  explicit Nowhere(int refusals) : refusals_(refusals) {}
  std::string_view name() const noexcept override { return "nowhere"; }
  RankId rank() const noexcept override { return RankId(0); }
  std::size_t size() const noexcept override { return 2; }
  std::span<const std::string> hosts() const noexcept override { return {}; }
  Result<SendTicket> send(RankId /*to*/, Channel /*channel*/, Bytes bytes) override {
    if (refusals_ > 0) {
      --refusals_;
      return fail(ErrorCode::kLimit, "too many sends in flight");
    }
    SY_ASSIGN(const auto both, split_word(bytes));
    words.push_back(both.word);
    return SendTicket{};
  }
  Result<bool> send_done(SendTicket /*ticket*/) override { return true; }
  Result<std::optional<Arrival>> probe(Channel /*channel*/) override { return std::nullopt; }
  Result<void> receive(const Arrival& /*arrival*/, MutableBytes /*into*/) override { return {}; }
  void wait_a_moment(std::uint32_t /*idle_rounds*/) override {}
  void wake() noexcept override {}
  Result<void> finalize(Deadline /*deadline*/) override { return {}; }

  std::vector<LinkWord> words;

 private:
  int refusals_;
};

class OneInbox : public test::NcclWorld {};

// The base transport has too many sends in flight for a moment: the rank goes on, and the refusal
// is said later, once.
TEST_F(OneInbox, ARefusalThatCannotBeSaidIsSaidLater) {
  Nowhere base(2);
  HeadPost post(base, 2);
  Reaper reaper;
  Staging staging;
  std::vector<HeadBuffer> spare_heads;
  Inbox inbox(RankId(1), RankId(0), InboxTools{reaper, 0, post, staging, spare_heads});
  LinkWord word;
  word.kind = WordKind::kInvitation;
  word.generation = 0;  // no newer one than what is known here
  ASSERT_FINE(inbox.take_invitation(word, {}));
  std::array<std::vector<Delivery>, kChannelCount> deliveries;
  for (int look = 0; look < 5; ++look) ASSERT_FINE(inbox.progress(deliveries));
  ASSERT_EQ(base.words.size(), 1U);
  EXPECT_EQ(base.words.front().kind, WordKind::kRefused);
  EXPECT_EQ(base.words.front().generation, 0U);
}

}  // namespace
}  // namespace switchyard::comm::nccl
