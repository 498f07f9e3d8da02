// Who is lost, and who is only not heard of yet.
#include "runtime/moe/lost_peers.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace switchyard::moe::test
