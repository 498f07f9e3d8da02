// Rows of several routers in one batch of an expert rank.
#include <gtest/gtest.h>

#include "tests/unit/moe/plane_world.h"

namespace switchyard::moe::test {
namespace {

// All three ranks work until the expert rank has served something and every answer has left it.
void serve(PlaneWorld& world) {
  const Counters& served = world.plane(2).counters();
  for (int i = 0; i < 1000; ++i) {
    for (std::size_t r = 0; r < 3; ++r) ASSERT_TRUE(world.plane(r).progress());
    const auto idle = world.plane(2).idle();
    ASSERT_TRUE(idle);
    if (*idle && served.batches_served > 0) return;
  }
  FAIL() << "nothing is served";
}

// An expert rank runs the rows of several routers in one grouped call, and nobody's bits show it.
TEST(ExpertBatch, HoldsTheRowsOfTwoRoutersOfOneLayer) {
  PlaneWorld world({3, 2, false, 1, "local-first"});
  std::vector<ExchangeInputs> routers{ExchangeInputs(3), ExchangeInputs(8)};
  for (std::size_t r = 0; r < 2; ++r) ASSERT_TRUE(routers[r].begin_on(world.plane(r)));
  ASSERT_NO_FATAL_FAILURE(serve(world));
  const Counters& served = world.plane(2).counters();
  EXPECT_EQ(served.batches_served, 1U);
  EXPECT_EQ(served.batch_jobs, 2U);
  EXPECT_EQ(served.pairs_served,
            routers[0].selections.slot_count() + routers[1].selections.slot_count());
  for (std::size_t r = 0; r < 2; ++r) {
    ASSERT_TRUE(world.plane(r).finish(0, view_of(routers[r].residual)));
    EXPECT_EQ(routers[r].residual, run_without_plane(1, r == 0 ? 3 : 8)) << "router " << r;
  }
  EXPECT_EQ(served.batches_served, 1U) << "nothing was left to serve";

  PlaneWorld apart({3, 2, false, 1, "local-first"});
  EXPECT_EQ(apart.run(0, 1, 3).value(), routers[0].residual);
  EXPECT_EQ(apart.run(1, 1, 8).value(), routers[1].residual);
  EXPECT_EQ(apart.plane(2).counters().batches_served, 2U);
  EXPECT_EQ(apart.plane(2).counters().batch_jobs, 2U);
}

}  // namespace
}  // namespace switchyard::moe::test
