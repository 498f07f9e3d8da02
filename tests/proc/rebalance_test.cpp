// Rebalancing over real processes: experts move to where the load is while tokens are generated;
// the texts stay what they are, no exchange is repeated and the steps go on.
#include <gtest/gtest.h>

#include "tests/proc/launched_cluster.h"
#include "tests/proc/much_work.h"

namespace switchyard::tests {
namespace {

const nlohmann::json& balancer(const nlohmann::json& status) { return status["parts"]["balancer"]; }

bool loads_are_known(const nlohmann::json& status) {
  return status["view"].is_object() && balancer(status)["pairs_in_window"] > 1000;
}

bool has_moved(const nlohmann::json& status) {
  return status["view"].is_object() && status["view"]["epoch"] > 1 &&
         balancer(status)["copies_moving"] == 0 && status["transaction"].is_null();
}

void expect_same_texts(LaunchedCluster& cluster, const nlohmann::json& baseline) {
  const auto outcome = cluster.finish();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err << cluster.log("ranks.log");
  const auto document = outcome.json();
  EXPECT_EQ(document["sequences"], baseline);
  const auto& report = document["report"];
  EXPECT_TRUE(report["conserved"].get<bool>());
  EXPECT_EQ(report["pairs_dispatched"], report["pairs_answered"]);
  for (const auto& rank : report["ranks"]) {
    EXPECT_EQ(rank["exchanges_replayed"], 0) << rank["rank"];
    EXPECT_EQ(rank["pairs_withdrawn"], 0) << rank["rank"];
  }
}

struct Rebalance : ::testing::Test {
  ScratchFolder scratch;
  Arguments arguments = much_work(scratch);
  nlohmann::json baseline;
  void SetUp() override {
    const auto alone = run_alone(arguments);
    ASSERT_EQ(alone.exit_code, 0) << alone.err;
    baseline = alone.json()["sequences"];
  }
};

TEST_F(Rebalance, MovesExpertsWhenAskedToWhileTheStepsGoOn) {
  LaunchedCluster cluster({"-n", "4", "--set", "cluster.rebalance_copies=3"}, arguments);
  const auto before = cluster.await(loads_are_known);
  ASSERT_TRUE(before) << "the run was over before the loads were known";
  EXPECT_EQ(cluster.command({"rebalance"}).exit_code, 0);
  const auto after = cluster.await(has_moved);
  ASSERT_TRUE(after) << cluster.log("controller.log");
  EXPECT_GT((*after)["requests"]["open"], 0);  // tokens were generated all the while
  const auto later = cluster.await([&before](const nlohmann::json& status) {
    return status["ranks"][0]["steps"] > (*before)["ranks"][0]["steps"];
  });
  EXPECT_TRUE(later) << "no step was done after the moves";
  EXPECT_GT(balancer(*after)["imbalance"], balancer(*after)["imbalance_planned"]);
  EXPECT_NE(cluster.log("controller.log").find("rebalance_done"), std::string::npos);
  expect_same_texts(cluster, baseline);
}

TEST_F(Rebalance, FollowsTheLoadByItself) {
  LaunchedCluster cluster(
      {"-n", "4", "--rebalance", "active", "--set", "cluster.rebalance_interval_ms=300", "--set",
       "cluster.rebalance_cooldown_ms=1000", "--set", "cluster.rebalance_window_ms=6000", "--set",
       "cluster.rebalance_imbalance=1.01"},
      arguments);
  const auto moved = cluster.await(has_moved);
  ASSERT_TRUE(moved) << cluster.log("controller.log");
  EXPECT_NE(cluster.log("controller.log").find("rebalance_begun"), std::string::npos);
  expect_same_texts(cluster, baseline);
}

}  // namespace
}  // namespace switchyard::tests
