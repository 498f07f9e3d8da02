// Who is lost, and who is only not heard of yet.
#include "runtime/moe/lost_peers.h"

#include <gtest/gtest.h>

#include "runtime/moe/loss_notice.h"

#include "tests/unit/moe/plane_world.h"

namespace switchyard::moe::test {
namespace {

using Lost = LostPeers::Lost;

TEST(LostPeers, WhoWasInNoViewYetIsNotLost) {
  LostPeers peers(4);
  EXPECT_EQ(peers[RankId(0)], Lost::kAbsent);
  peers.follow(placement::View{});
  EXPECT_EQ(peers[RankId(0)], Lost::kAbsent);
  peers.follow(*make_view({.ranks = 3}));
  EXPECT_EQ(peers[RankId(0)], Lost::kNo);
  EXPECT_EQ(peers[RankId(3)], Lost::kAbsent);
}

TEST(LostPeers, WhoLeftAViewIsLostUntilOneIsPreparedWithIt) {
  const WorldShape shape{.ranks = 3};
  LostPeers peers(3);
  peers.follow(*make_view(shape));
  peers.follow(*make_view(shape, Epoch(2), {RankId(1)}));
  EXPECT_EQ(peers[RankId(0)], Lost::kNo);
  EXPECT_EQ(peers[RankId(1)], Lost::kYes);
  peers.follow(*make_view(shape, Epoch(3), {RankId(1)}));
  EXPECT_EQ(peers[RankId(1)], Lost::kYes);
  peers.expect(*make_view(shape, Epoch(4)));
  EXPECT_EQ(peers[RankId(0)], Lost::kNo);
  EXPECT_EQ(peers[RankId(1)], Lost::kAbsent);
  peers.follow(*make_view(shape, Epoch(4)));
  EXPECT_EQ(peers[RankId(1)], Lost::kNo);
}

// Takes down whom it is told of; carries nothing.
class Hearing final : public comm::Transport {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "hearing"; }
  [[nodiscard]] RankId rank() const noexcept override { return RankId(0); }
  [[nodiscard]] std::size_t size() const noexcept override { return 4; }
  void set_lost(RankId rank, Lost lost) noexcept override {
    if (lost == Lost::kYes) lost_.push_back(rank);
  }
  std::vector<RankId> take_lost() { return std::exchange(lost_, {}); }

  [[nodiscard]] std::span<const std::string> hosts() const noexcept override { return {}; }
  Result<comm::SendTicket> send(RankId, comm::Channel, Bytes) override {
    return comm::SendTicket{};
  }
  Result<bool> send_done(comm::SendTicket) override { return true; }
  Result<std::optional<comm::Arrival>> probe(comm::Channel) override { return std::nullopt; }
  Result<void> receive(const comm::Arrival&, MutableBytes) override { return {}; }
  void wait_a_moment(std::uint32_t) override {}
  void wake() noexcept override {}
  Result<void> finalize(Deadline) override { return {}; }

 private:
  std::vector<RankId> lost_;
};

TEST(LossNotice, TellsOfThoseThatLeaveAViewOrAreReplaced) {
  const WorldShape shape{.ranks = 4};
  Hearing transport;
  LossNotice notice(transport);
  notice.see(make_view(shape, Epoch(2), {RankId(3)}));
  EXPECT_EQ(transport.take_lost(), std::vector<RankId>{});  // 3 may be on its way
  notice.see(make_view(shape, Epoch(3)));
  EXPECT_EQ(transport.take_lost(), std::vector<RankId>{});
  auto replaced = std::make_shared<placement::View>(*make_view(shape, Epoch(4), {RankId(1)}));
  for (auto& member : replaced->members) {
    if (member.rank == RankId(2)) member.address = "127.0.0.1:4711/another";
  }
  notice.see(replaced);
  EXPECT_EQ(transport.take_lost(), (std::vector<RankId>{RankId(1), RankId(2)}));
  notice.see(make_view(shape, Epoch(3)));  // older
  EXPECT_EQ(transport.take_lost(), std::vector<RankId>{});
}

}  // namespace
}  // namespace switchyard::moe::test
