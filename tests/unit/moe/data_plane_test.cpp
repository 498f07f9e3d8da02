// The laws of one MoE layer's data plane, in one process and one thread: equal bits in every world,
// every pair answered once, no wait without an end.
#include "runtime/moe/data_plane.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "tests/unit/moe/plane_world.h"

namespace switchyard::moe::test {
namespace {

using ::testing::HasSubstr;

class Worlds : public ::testing::TestWithParam<WorldShape> {};

TEST_P(Worlds, GiveTheBitsOfTheDeviceAloneAndAnswerEveryPairOnce) {
  const auto& shape = GetParam();
  PlaneWorld world(shape);
  std::uint64_t pairs = 0;
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    const std::size_t layer = seed % kLayers;
    const auto got = world.run(seed % shape.routers, layer, seed);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(*got, run_without_plane(layer, seed)) << "seed " << seed;
    pairs += make_selections(seed).slot_count();
  }
  std::uint64_t dispatched = 0;
  std::uint64_t served = 0;
  std::uint64_t answered = 0;
  std::uint64_t away = 0;
  for (std::size_t r = 0; r < shape.ranks; ++r) {
    const auto& counters = world.plane(r).counters();
    dispatched += counters.pairs_dispatched;
    served += counters.pairs_served;
    answered += counters.pairs_answered;
    away += counters.pairs_sent_away;
    EXPECT_EQ(std::reduce(counters.pairs_sent.begin(), counters.pairs_sent.end()),
              counters.pairs_sent_away);
    EXPECT_EQ(counters.pairs_sent[r], 0U) << "what stays is not sent";
    EXPECT_EQ(counters.bytes_sent[r], 0U) << "a rank sends itself nothing";
    EXPECT_TRUE(world.plane(r).idle().value());
  }
  EXPECT_EQ(dispatched, pairs);
  EXPECT_EQ(served, pairs);
  EXPECT_EQ(answered, pairs);
  if (!shape.colocated) {
    EXPECT_EQ(away, pairs);
  } else if (shape.ranks == 1) {
    EXPECT_EQ(away, 0U);
  } else {
    EXPECT_GT(away, 0U);
    EXPECT_LT(away, pairs);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Worlds,
                         ::testing::Values(WorldShape{1, 1, true, 1, "local-first"},
                                           WorldShape{2, 1, false, 1, "local-first"},
                                           WorldShape{3, 1, true, 1, "local-first"},
                                           WorldShape{4, 1, false, 2, "round-robin"},
                                           WorldShape{4, 2, false, 2, "weighted"},
                                           WorldShape{5, 3, true, 3, "local-first"},
                                           WorldShape{8, 8, true, 2, "round-robin"}),
                         [](const auto& param) {
                           const auto& shape = param.param;
                           return fmt::format("Ranks{}Routers{}{}Replicas{}", shape.ranks,
                                              shape.routers, shape.colocated ? "Together" : "Apart",
                                              shape.replicas);
                         });

// Two micro-batches of two layers in flight at once: each gets its own answers.
TEST(DataPlane, KeepsMicroBatchesApart) {
  PlaneWorld world({3, 1, false, 1, "local-first"});
  std::vector<std::uint32_t> keys(kTokens, 0);
  std::vector<std::vector<float>> x{make_rows(4), make_rows(5)};
  std::vector<routing::Selections> selections{make_selections(4), make_selections(5)};
  std::vector<std::vector<float>> residual{make_rows(5), make_rows(6)};
  for (std::size_t b = 0; b < 2; ++b) {
    ASSERT_TRUE(world.plane(0).begin(b, b, 9, rows_of(x[b]), selections[b], keys));
  }
  ASSERT_TRUE(world.serve_all_but(0));
  for (std::size_t b = 2; b-- > 0;) {
    ASSERT_TRUE(world.plane(0).finish(b, view_of(residual[b])));
    EXPECT_EQ(residual[b], run_without_plane(b, 4 + b));
  }
}

// What waits to be served can be seen from outside, so that a rank that stops serving shows.
TEST(DataPlane, SaysHowManyJobsAreOpen) {
  PlaneWorld world({1, 1, true, 1, "local-first"});
  std::vector<std::uint32_t> keys(kTokens, 0);
  const auto x = make_rows(1);
  const auto selections = make_selections(1);
  std::vector<float> residual = make_rows(2);
  EXPECT_EQ(world.open_jobs(0), 0U);
  ASSERT_TRUE(world.plane(0).begin(0, 0, 1, rows_of(x), selections, keys));
  EXPECT_EQ(world.open_jobs(0), 1U);
  ASSERT_TRUE(world.plane(0).begin(1, 1, 1, rows_of(x), selections, keys));
  EXPECT_EQ(world.open_jobs(0), 2U);
  ASSERT_TRUE(world.plane(0).finish(0, view_of(residual)));
  ASSERT_TRUE(world.plane(0).finish(1, view_of(residual)));
  EXPECT_EQ(world.open_jobs(0), 0U);
}

// Nobody serves: the wait ends by its deadline and says whom it waited for.
TEST(DataPlane, NamesTheSilentRanksAndTheEpoch) {
  PlaneWorld world({3, 1, false, 1, "local-first"}, {}, std::chrono::milliseconds(2));
  std::vector<std::uint32_t> keys(kTokens, 0);
  const auto x = make_rows(1);
  const auto selections = make_selections(1);
  std::vector<float> residual = make_rows(2);
  ASSERT_TRUE(world.plane(0).begin(0, 1, 7, rows_of(x), selections, keys));
  const auto finished = world.plane(0).finish(0, view_of(residual));
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code, ErrorCode::kDeadline);
  EXPECT_EQ(finished.error().scope, ErrorScope::kPeer);
  EXPECT_THAT(finished.error().message, HasSubstr("no answer from rank(s) 1, 2"));
  EXPECT_THAT(finished.error().message, HasSubstr("epoch 1, step 7, layer 1"));
  EXPECT_EQ(residual, make_rows(2)) << "an exchange that failed adds nothing";
}

TEST(DataPlane, StopsWaitingWhenAbandoned) {
  PlaneWorld world({2, 1, false, 1, "local-first"});
  std::vector<std::uint32_t> keys(kTokens, 0);
  const auto x = make_rows(1);
  const auto selections = make_selections(1);
  std::vector<float> residual = make_rows(2);
  ASSERT_TRUE(world.plane(0).begin(0, 0, 1, rows_of(x), selections, keys));
  world.abandon() = true;
  const auto finished = world.plane(0).finish(0, view_of(residual));
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code, ErrorCode::kInterrupted);
}

// Rows for an expert that a rank does not hold, or of an epoch that is over, are refused by name.
TEST(DataPlane, RefusesExpertsItDoesNotHold) {
  PlaneWorld world({2, 1, false, 1, "local-first"});
  const auto first = make_selections(3).experts.front();
  world.store(1).remove(0, first);
  const auto got = world.run(0, 0, 3);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::kStaleEpoch);
  EXPECT_THAT(got.error().message,
              HasSubstr(fmt::format("it does not hold expert {}", first.value())));
}

TEST(DataPlane, RefusesEpochsThatAreOver) {
  PlaneWorld world({2, 1, false, 1, "local-first"});
  world.plane(1).refuse_before(Epoch(2));
  const auto got = world.run(0, 0, 3);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::kStaleEpoch);
  EXPECT_THAT(got.error().message, HasSubstr("it follows another view"));
}

// Only routers may dispatch, and only well-formed messages are served.
TEST(DataPlane, RefusesStrangersAndGarbage) {
  PlaneWorld world({3, 1, false, 1, "local-first"});
  const std::vector<std::byte> garbage(64, std::byte{0x5A});
  ASSERT_TRUE(world.transport(2).send(RankId(1), comm::Channel::kDispatch, garbage));
  const auto stranger = world.plane(1).progress();
  ASSERT_FALSE(stranger);
  EXPECT_EQ(stranger.error().code, ErrorCode::kPeer);
  EXPECT_THAT(stranger.error().message, HasSubstr("rank 2"));
  PlaneWorld other({2, 1, false, 1, "local-first"});
  ASSERT_TRUE(other.transport(0).send(RankId(1), comm::Channel::kDispatch, garbage));
  EXPECT_EQ(other.plane(1).progress().error().code, ErrorCode::kPeer);
}

// Rank 3 comes back under epoch 3: step by step it gets more, after eight steps its third of all
// pairs; every step gives the bits of the device alone.
TEST(DataPlane, ARankThatHasComeGetsItsShareStepByStep) {
  constexpr std::uint64_t kRamp = 8;
  const WorldShape shape{4, 1, false, 3, "round-robin", kRamp};
  Listening feed;
  PlaneWorld world(shape, {&feed, &feed, &feed, &feed});
  for (std::size_t r = 0; r < 4; ++r) {
    ASSERT_TRUE(world.plane(r).adopt(make_view(shape, Epoch(2), {RankId(3)})));
  }
  ASSERT_TRUE(world.run(0, 0, 1));
  EXPECT_EQ(world.plane(3).counters().pairs_served, 0U);
  EXPECT_EQ(world.plane(0).counters().pairs_ramped, 0U);
  for (std::size_t r = 0; r < 4; ++r) {
    ASSERT_TRUE(world.plane(r).adopt(make_view(shape, Epoch(3))));
  }
  std::vector<double> share;  // of the pairs, in rank 3, for each four steps
  for (std::uint64_t quarter = 0; quarter < 4; ++quarter) {
    std::uint64_t pairs = 0;
    const std::uint64_t before = world.plane(3).counters().pairs_served;
    for (std::uint64_t step = 0; step < kRamp / 2; ++step) {
      const std::uint64_t seed = 100 * quarter + step;
      const auto got = world.run(0, step % kLayers, seed);
      ASSERT_TRUE(got) << got.error().message;
      EXPECT_EQ(*got, run_without_plane(step % kLayers, seed));
      pairs += make_selections(seed).slot_count();
    }
    const auto served = world.plane(3).counters().pairs_served - before;
    share.push_back(static_cast<double>(served) / static_cast<double>(pairs));
    if (quarter == 1) {
      EXPECT_GT(world.plane(0).counters().pairs_ramped, 0U);
    }
  }
  EXPECT_LT(share[0], share[1]);
  EXPECT_LT(share[1], share[2]);
  EXPECT_NEAR(share[2], 1.0 / 3, 0.1);
  EXPECT_NEAR(share[3], 1.0 / 3, 0.1);
  const std::uint64_t ramped = world.plane(0).counters().pairs_ramped;
  ASSERT_TRUE(world.run(0, 0, 7));
  EXPECT_EQ(world.plane(0).counters().pairs_ramped, ramped);
}

// The evidence that the control plane decides by. How long the waiting lasts is its word: the
// deadline of a world that nobody leads has passed from the start.
TEST(DataPlane, ReportsSilentRanksToItsFeedAndWaitsForItsWord) {
  const WorldShape shape{3, 1, false, 1, "local-first"};
  Listening feed(3);
  PlaneWorld world(shape, {&feed, &feed, &feed}, Duration(1));
  const auto x = make_rows(8);
  const auto selections = make_selections(8);
  std::vector<std::uint32_t> keys(kTokens, 0);
  std::vector<float> residual = make_rows(9);
  ASSERT_TRUE(world.plane(0).begin(0, 0, 1, rows_of(x), selections, keys));
  ASSERT_TRUE(world.serve_only(0, {1}));
  ASSERT_TRUE(world.plane(0).adopt(make_view(shape, Epoch(2))));  // with all that it waits for
  EXPECT_EQ(world.plane(0).finish(0, view_of(residual)).error().code, ErrorCode::kStaleEpoch);
  EXPECT_EQ(feed.epoch(), Epoch(2));
  EXPECT_EQ(feed.silent(), std::vector<RankId>{RankId(2)});
}

// With nobody to decide, as on the side of a cut network without the controller, the wait ends.
TEST(DataPlane, WhereNobodyLeadsTheDeadlineEndsTheWait) {
  const WorldShape shape{3, 1, false, 1, "local-first"};
  Listening feed;
  feed.lose_the_lead(std::chrono::milliseconds(2));
  PlaneWorld world(shape, {&feed, &feed, &feed}, std::chrono::milliseconds(2));
  const auto x = make_rows(8);
  const auto selections = make_selections(8);
  std::vector<std::uint32_t> keys(kTokens, 0);
  std::vector<float> residual = make_rows(9);
  ASSERT_TRUE(world.plane(0).begin(0, 0, 1, rows_of(x), selections, keys));
  ASSERT_TRUE(world.serve_only(0, {1}));
  EXPECT_EQ(world.plane(0).finish(0, view_of(residual)).error().code, ErrorCode::kDeadline);
}

// Every expert rank is dead and nobody wants the rows any more: the router leaves, in good order.
TEST(DataPlane, LeavesAnExchangeThatNobodyWants) {
  const WorldShape shape{3, 1, false, 1, "local-first"};
  Listening feed(100);
  PlaneWorld world(shape, {&feed, &feed, &feed});
  const auto x = make_rows(8);
  const auto selections = make_selections(8);
  std::vector<std::uint32_t> keys(kTokens, 0);
  std::vector<float> residual = make_rows(9);
  ASSERT_TRUE(world.plane(0).begin(0, 0, 1, rows_of(x), selections, keys));
  feed.forget_all();
  const auto left = world.plane(0).finish(0, view_of(residual));
  ASSERT_TRUE(left) << left.error().message;
  EXPECT_EQ(*left, ExchangeWait::kLeft);
  EXPECT_EQ(residual, make_rows(9));
  const auto& counters = world.plane(0).counters();
  EXPECT_EQ(counters.pairs_dispatched, counters.pairs_withdrawn);
  // What comes late is dropped, and the next exchange is as any other.
  ASSERT_TRUE(world.serve_only(0, {1, 2}));
  EXPECT_GT(counters.answers_late, 0U);
  const auto next = world.run(0, 1, 8);
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_EQ(*next, run_without_plane(1, 8));
}

}  // namespace
}  // namespace switchyard::moe::test
