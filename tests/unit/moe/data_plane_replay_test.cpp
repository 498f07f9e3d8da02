// A newer view while exchanges are open: what has to be asked again is, and gives the same bits.
#include <gtest/gtest.h>

#include "tests/unit/moe/plane_world.h"

namespace switchyard::moe::test {
namespace {

// Takes a dispatch off the wire, as if it had never come.
void lose_dispatch(comm::Transport& transport, std::vector<std::byte>& into) {
  const auto arrival = transport.probe(comm::Channel::kDispatch);
  ASSERT_TRUE(arrival.has_value() && arrival->has_value());
  into.resize((*arrival)->bytes);
  ASSERT_TRUE(transport.receive(**arrival, into));
}

// Rank 1 answers, rank 2 takes its rows and dies: under epoch 2 the others are asked again. Same
// bits; what was asked twice is counted as withdrawn.
TEST(DataPlane, ReplaysUnderANewerViewWithTheSameBits) {
  const WorldShape shape{3, 1, true, 1, "local-first"};
  Listening feed;
  PlaneWorld world(shape, {&feed, &feed, &feed});
  ExchangeInputs open(8);
  ASSERT_TRUE(open.begin_on(world.plane(0)));
  ASSERT_TRUE(world.plane(1).progress());
  const auto survivors = make_view(shape, Epoch(2), {RankId(2)});
  ASSERT_TRUE(world.plane(0).adopt(survivors));
  ASSERT_TRUE(world.plane(1).adopt(survivors));
  EXPECT_EQ(world.plane(0).oldest_epoch_in_use(), Epoch(2));
  ASSERT_TRUE(world.serve_only(0, {1}));
  ASSERT_TRUE(world.plane(0).finish(0, view_of(open.residual)));
  EXPECT_EQ(open.residual, run_without_plane(1, 8));
  const auto& counters = world.plane(0).counters();
  EXPECT_EQ(counters.exchanges_replayed, 1U);
  EXPECT_GT(counters.pairs_withdrawn, 0U);
  EXPECT_EQ(counters.pairs_dispatched, counters.pairs_answered + counters.pairs_withdrawn);
}

// The next view has the same ranks, and another process in the slot of one of them: what the one
// before was asked nobody will answer.
TEST(DataPlane, AsksTheNextProcessOfASlotAgain) {
  const WorldShape shape{3, 1, false, 1, "local-first"};
  Listening feed;
  PlaneWorld world(shape, {&feed, &feed, &feed});
  ExchangeInputs open(8);
  ASSERT_TRUE(open.begin_on(world.plane(0)));
  ASSERT_TRUE(world.plane(0).adopt(make_view(shape, Epoch(2))));
  EXPECT_EQ(world.plane(0).counters().exchanges_replayed, 0U);
  auto next = std::make_shared<placement::View>(*make_view(shape, Epoch(3)));
  next->members[2].address = "127.0.0.1:4711/another";
  for (std::size_t r = 0; r < 3; ++r) ASSERT_TRUE(world.plane(r).adopt(next));
  EXPECT_EQ(world.plane(0).counters().exchanges_replayed, 1U);
  ASSERT_TRUE(world.serve_only(0, {1, 2}));
  ASSERT_TRUE(world.plane(0).finish(0, view_of(open.residual)));
  EXPECT_EQ(open.residual, run_without_plane(1, 8));
}

// Rank 2's rows are lost on their way. A newer view in which nothing else is new makes the router
// ask again once it has waited long, and not before.
TEST(DataPlane, AsksAgainWhereAnAnswerIsOverdueAndOnlyTheEpochIsNew) {
  const WorldShape shape{3, 1, false, 1, "local-first"};
  Listening feed;
  PlaneWorld world(shape, {&feed, &feed, &feed});
  ExchangeInputs open(8);
  ASSERT_TRUE(open.begin_on(world.plane(0)));
  ASSERT_TRUE(world.serve_only(0, {1}));
  std::vector<std::byte> lost;
  ASSERT_NO_FATAL_FAILURE(lose_dispatch(world.transport(2), lost));
  ASSERT_TRUE(world.plane(0).adopt(make_view(shape, Epoch(2))));
  EXPECT_EQ(world.plane(0).counters().exchanges_replayed, 0U) << "it may still come";
  world.pass(std::chrono::seconds(4));
  for (std::size_t r = 0; r < 3; ++r) {
    ASSERT_TRUE(world.plane(r).adopt(make_view(shape, Epoch(3))));
  }
  EXPECT_EQ(world.plane(0).counters().exchanges_replayed, 1U);
  ASSERT_TRUE(world.serve_only(0, {1, 2}));
  ASSERT_TRUE(world.plane(0).finish(0, view_of(open.residual)));
  EXPECT_EQ(open.residual, run_without_plane(1, 8));
  const auto& counters = world.plane(0).counters();
  EXPECT_EQ(counters.pairs_dispatched, counters.pairs_answered + counters.pairs_withdrawn);
}

// Rank 1 refuses rows of epoch 1 when the router follows epoch 2 already.
TEST(DataPlane, ReplaysWhatIsRefusedAfterTheNewerViewCame) {
  const WorldShape shape{3, 1, false, 1, "local-first"};
  Listening feed;
  PlaneWorld world(shape, {&feed, &feed, &feed});
  ExchangeInputs open(8);
  ASSERT_TRUE(open.begin_on(world.plane(0)));
  for (std::size_t r = 0; r < 3; ++r) {
    ASSERT_TRUE(world.plane(r).adopt(make_view(shape, Epoch(2))));
  }
  world.plane(1).refuse_before(Epoch(2));
  ASSERT_TRUE(world.serve_only(0, {1, 2}));
  EXPECT_EQ(world.plane(0).counters().exchanges_replayed, 1U);
  ASSERT_TRUE(world.plane(0).finish(0, view_of(open.residual)));
  EXPECT_EQ(open.residual, run_without_plane(1, 8));
}

}  // namespace
}  // namespace switchyard::moe::test
