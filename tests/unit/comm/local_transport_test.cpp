// What the suite cannot ask of every transport: ranks that leave early, and the ends of a world.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "comm/worlds.h"

namespace switchyard::comm {
namespace {

using testing::HasSubstr;

Deadline soon(Duration wait = std::chrono::milliseconds(20)) {
  const SteadyClock clock;
  return Deadline::after(clock, wait);
}

TEST(LocalTransport, SendsWithoutACopyUntilReceived) {
  auto world = make_local_world(2, {});
  std::vector<std::byte> bytes(100, std::byte{1});
  const auto ticket = world[0]->send(RankId(1), Channel::kDispatch, bytes);
  ASSERT_TRUE(ticket.has_value());
  EXPECT_FALSE(world[0]->send_done(*ticket).value());
  const auto arrival = world[1]->probe(Channel::kDispatch).value();
  ASSERT_TRUE(arrival.has_value());
  std::vector<std::byte> into(100);
  ASSERT_TRUE(world[1]->receive(*arrival, into).has_value());
  EXPECT_EQ(into, bytes);
  EXPECT_TRUE(world[0]->send_done(*ticket).value());
}

TEST(LocalTransport, TellsTheSenderThatTheReceiverLeft) {
  auto world = make_local_world(2, {});
  const std::vector<std::byte> bytes(10);
  const auto waiting = world[0]->send(RankId(1), Channel::kCombine, bytes);
  ASSERT_TRUE(waiting.has_value());
  world[1].reset();
  const auto done = world[0]->send_done(*waiting);
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code, ErrorCode::kPeer);
  EXPECT_EQ(done.error().scope, ErrorScope::kPeer);
  EXPECT_THAT(done.error().message, HasSubstr("rank 1"));
  const auto refused = world[0]->send(RankId(1), Channel::kCombine, bytes);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kPeer);
  EXPECT_TRUE(world[0]->send(RankId(0), Channel::kCombine, bytes).has_value());
}

TEST(LocalTransport, TakesBackWhatALeavingRankHasSent) {
  auto world = make_local_world(3, {});
  const std::vector<std::byte> kept(5, std::byte{7});
  const std::vector<std::byte> lost(6);
  ASSERT_TRUE(world[0]->send(RankId(1), Channel::kDispatch, lost).has_value());
  ASSERT_TRUE(world[2]->send(RankId(1), Channel::kDispatch, kept).has_value());
  ASSERT_TRUE(world[0]->send(RankId(1), Channel::kDispatch, lost).has_value());
  const auto probed = world[1]->probe(Channel::kDispatch).value();
  ASSERT_TRUE(probed.has_value());
  EXPECT_EQ(probed->from, RankId(0));
  world[0].reset();
  std::vector<std::byte> into(6);
  const auto gone = world[1]->receive(*probed, into);
  ASSERT_FALSE(gone.has_value());
  EXPECT_EQ(gone.error().code, ErrorCode::kPeer);
  const auto next = world[1]->probe(Channel::kDispatch).value();
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->from, RankId(2));
  into.resize(next->bytes);
  ASSERT_TRUE(world[1]->receive(*next, into).has_value());
  EXPECT_EQ(into, kept);
  EXPECT_FALSE(world[1]->probe(Channel::kDispatch).value().has_value());
  const auto after = world[2]->send(RankId(1), Channel::kDispatch, kept);  // the queue still works
  ASSERT_TRUE(after.has_value());
  EXPECT_TRUE(world[1]->probe(Channel::kDispatch).value().has_value());
}

TEST(LocalTransport, LeavesAtOnceAndLastsOn) {
  auto world = make_local_world(2, {});
  {
    const std::vector<std::byte> lost(6);
    ASSERT_TRUE(world[0]->send(RankId(1), Channel::kDispatch, lost).has_value());
    EXPECT_TRUE(world[0]->leave_at_once(soon()));
  }
  EXPECT_FALSE(world[1]->probe(Channel::kDispatch).value().has_value()) << "it reads freed bytes";
  const auto left = world[1]->finalize(soon(std::chrono::hours(1)));
  ASSERT_FALSE(left.has_value());
  EXPECT_EQ(left.error().code, ErrorCode::kPeer);
}

TEST(LocalTransport, FinalizeNamesTheSilentRanks) {
  auto world = make_local_world(4, {});
  std::thread other([&] { EXPECT_FALSE(world[2]->finalize(soon()).has_value()); });
  const auto left = world[0]->finalize(soon(std::chrono::milliseconds(50)));
  other.join();
  ASSERT_FALSE(left.has_value());
  EXPECT_EQ(left.error().code, ErrorCode::kDeadline);
  EXPECT_THAT(left.error().message, HasSubstr("ranks 1, 3"));
}

TEST(LocalTransport, FinalizeDoesNotWaitForARankThatIsGone) {
  auto world = make_local_world(2, {});
  world[1].reset();
  const auto left = world[0]->finalize(soon(std::chrono::hours(1)));
  ASSERT_FALSE(left.has_value());
  EXPECT_EQ(left.error().code, ErrorCode::kPeer);
  EXPECT_THAT(left.error().message, HasSubstr("rank 1"));
}

TEST(LocalTransportDeathTest, StopsAtAReceiveWithTooLittleRoom) {
  auto world = make_local_world(1, {});
  const std::vector<std::byte> bytes(10);
  ASSERT_TRUE(world[0]->send(RankId(0), Channel::kControl, bytes).has_value());
  const auto arrival = world[0]->probe(Channel::kControl).value();
  ASSERT_TRUE(arrival.has_value());
  std::vector<std::byte> into(9);
  EXPECT_DEATH((void)world[0]->receive(*arrival, into), "room for 9 of 10 bytes");
}

}  // namespace
}  // namespace switchyard::comm
