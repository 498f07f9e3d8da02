// Elasticity: a run whose load triples and falls back goes from two expert ranks to four and back
// to two by itself. No request is lost, the texts are those of one process, and it never turns
// around in between. A machine that stalls for seconds can hide the tide from the autoscaler, so it
// may try again; a wrong text in any try is a failure.
#include "tests/proc/tide.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/proc/scene.h"

namespace switchyard::tests {
namespace {

constexpr int kTries = 3;

TEST(Tide, RanksComeAndGoWithTheLoad) {
  const ScratchFolder scratch;
  const Tide tide;
  const auto arguments = tide_work(scratch, tide, Arrive::kByTheClock);
  const auto alone = run_alone(tide_work(scratch, tide, Arrive::kAtOnce));
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  std::string ways;
  for (int i = 0; i < kTries; ++i) {
    const double light = usual_busy_share(tide.light_per_s);
    ASSERT_GT(light, 0);
    LaunchedCluster cluster(tide_launch(kTideTarget * light), arguments);
    EXPECT_EQ(difference(cluster.finish(), alone.json()["sequences"]), "");
    const auto sizes = expert_ranks_over_time(cluster.events());
    if (follows_the_tide(sizes)) return;
    ways += fmt::format("\n{}, busy for {:.3f} under the light load", text_of(sizes), light);
    fmt::print("try {} followed no tide:{}\n", i + 1, ways);
  }
  FAIL() << "expert ranks:" << ways;
}

TEST(Tide, AWayWithAStepBackFollowsNoTide) {
  EXPECT_TRUE(follows_the_tide({{0, 2}, {1, 3}, {2, 4}, {3, 2}}));
  EXPECT_TRUE(follows_the_tide({{0, 2}, {1, 4}, {2, 3}, {3, 2}}));
  EXPECT_FALSE(follows_the_tide({{0, 2}, {1, 4}, {2, 2}, {3, 3}, {4, 2}}));
  EXPECT_FALSE(follows_the_tide({{0, 2}, {1, 4}, {2, 3}, {3, 4}, {4, 2}}));
  EXPECT_FALSE(follows_the_tide({{0, 2}, {1, 3}, {2, 2}}));
  EXPECT_FALSE(follows_the_tide({{0, 2}, {1, 4}}));
  EXPECT_FALSE(follows_the_tide({}));
}

}  // namespace
}  // namespace switchyard::tests
