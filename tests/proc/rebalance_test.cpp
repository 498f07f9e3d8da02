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
  // Asked again where what it had seen of the loads at the first time was even by chance.
  std::size_t asked = 0;
  const auto after = cluster.await([&](const nlohmann::json& status) {
    const auto unneeded = count_events(cluster.events(), "rebalance_unneeded");
    if (unneeded == asked) {
      EXPECT_EQ(cluster.command({"rebalance"}).exit_code, 0);
      ++asked;
    }
    return has_moved(status);
  });
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

TEST_F(Rebalance, ChangesTheCopiesOfEachExpertWhileTheStepsGoOn) {
  LaunchedCluster cluster({"-n", "4"}, arguments);
  ASSERT_TRUE(cluster.await(loads_are_known)) << "the run was over before the loads were known";
  EXPECT_EQ(cluster.command({"scale", "--replicas", "2"}).exit_code, 0);
  const auto doubled = cluster.await([](const nlohmann::json& status) {
    return has_moved(status) && status["cluster"]["target_replicas"] == 2;
  });
  ASSERT_TRUE(doubled) << cluster.log("controller.log");
  std::size_t held = 0;
  for (const auto& member : (*doubled)["view"]["members"]) {
    held += member["experts_held"].get<std::size_t>();
  }
  const auto& view = (*doubled)["view"];
  EXPECT_GE(held, 2 * view["layers"].get<std::size_t>() * view["experts"].get<std::size_t>());
  EXPECT_NE(cluster.log("controller.log").find("replicas_done"), std::string::npos);
  expect_same_texts(cluster, baseline);
}

// Expert e goes to rank 1 + e mod 3, whatever the loads say.
std::string plan_for(const nlohmann::json& view, std::uint32_t ranks) {
  nlohmann::json layers = nlohmann::json::array();
  for (std::size_t l = 0; l < view["layers"]; ++l) {
    nlohmann::json layer = nlohmann::json::array();
    for (std::uint32_t e = 0; e < view["experts"]; ++e) {
      layer.push_back({{1 + e % ranks, e / ranks}});
    }
    layers.push_back(std::move(layer));
  }
  nlohmann::json list = nlohmann::json::array();
  for (std::uint32_t r = 1; r <= ranks; ++r) list.push_back({{"rank", r}});
  return nlohmann::json{
      {"format", "switchyard-plan"}, {"version", 1}, {"ranks", list}, {"placement", layers}}
      .dump();
}

TEST_F(Rebalance, MovesToAPlanThatIsSent) {
  LaunchedCluster cluster({"-n", "4", "--set", "cluster.rebalance_copies=6"}, arguments);
  const auto before = cluster.await(loads_are_known);
  ASSERT_TRUE(before) << "the run was over before the loads were known";
  const auto wrong = scratch.write("wrong.json", plan_for((*before)["view"], 4));
  const auto refused = cluster.command({"place", "--plan", wrong, "--apply"});
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_NE(refused.err.find("is on rank 4, which is no expert rank now"), std::string::npos)
      << refused.err;
  const auto plan = scratch.write("plan.json", plan_for((*before)["view"], 3));
  const auto placed = cluster.command({"place", "--plan", plan, "--apply"});
  EXPECT_EQ(placed.exit_code, 0) << placed.err;
  EXPECT_NE(placed.out.find("copies to load"), std::string::npos) << placed.out;
  ASSERT_TRUE(cluster.await(has_moved)) << cluster.log("controller.log");
  const auto again = cluster.command({"place", "--plan", plan, "--apply"});
  EXPECT_NE(again.out.find("every expert is where the plan has it"), std::string::npos)
      << again.err;
  expect_same_texts(cluster, baseline);
}

}  // namespace
}  // namespace switchyard::tests
