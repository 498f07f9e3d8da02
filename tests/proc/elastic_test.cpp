// Elasticity over real processes: a cluster that is asked for more expert ranks, and one that finds
// out by itself, grow and shrink again while the texts stay what they are.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>

#include "tests/proc/launched_cluster.h"
#include "tests/proc/much_work.h"

namespace switchyard::tests {
namespace {

std::size_t expert_ranks(const nlohmann::json& status) {
  std::size_t count = 0;
  if (!status["view"].is_object()) return 0;
  for (const auto& member : status["view"]["members"]) count += member["expert"] == true ? 1U : 0U;
  return count;
}

auto has_experts(std::size_t count) {
  return [count](const nlohmann::json& status) { return expert_ranks(status) == count; };
}

void expect_same_texts(LaunchedCluster& cluster, const nlohmann::json& baseline) {
  const auto outcome = cluster.finish();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err << cluster.log("ranks.log");
  const auto document = outcome.json();
  EXPECT_EQ(document["sequences"], baseline);
  EXPECT_TRUE(document["report"]["conserved"].get<bool>());
}

// A rank that joins has only a part of its share of the rows at first; the texts show none of it.
// One joins alone, so that each expert has a copy on a rank that was there: two that join at once
// may hold both copies of an expert, and then nobody else could take its rows.
TEST(Elastic, GrowsAndShrinksWhenAskedTo) {
  const ScratchFolder scratch;
  const auto arguments = much_work(scratch);
  const auto alone = run_alone(arguments);
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  LaunchedCluster cluster({"-n", "5", "--spares", "2", "--replicas", "2"}, arguments);
  ASSERT_TRUE(cluster.await(has_experts(2)));
  for (const int experts : {3, 4}) {
    EXPECT_EQ(cluster.command({"scale", std::to_string(experts)}).exit_code, 0);
    EXPECT_TRUE(cluster.await(has_experts(experts)));
  }
  EXPECT_EQ(cluster.command({"drain", "1"}).exit_code, 0);
  EXPECT_TRUE(cluster.await(has_experts(3)));
  const auto outcome = cluster.finish();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err << cluster.log("ranks.log");
  const auto document = outcome.json();
  EXPECT_EQ(document["sequences"], alone.json()["sequences"]);
  EXPECT_TRUE(document["report"]["conserved"].get<bool>());
  const auto& ranks = document["report"]["ranks"];
  EXPECT_GT(ranks[0]["pairs_ramped"], 0);
  EXPECT_GT(ranks[4]["pairs_served"], 0);
  // What the drained rank did is in the report, and said to be its.
  EXPECT_EQ(ranks[1]["standing"], "left");
  EXPECT_GT(ranks[1]["pairs_served"], 0);
  EXPECT_EQ(document["report"]["at_least"], false);
}

// A router that has requests for longer than a drain may take goes back to work.
TEST(Elastic, TakesADrainBackThatIsNotDoneInTime) {
  const ScratchFolder scratch;
  const auto arguments = much_work(scratch);
  const auto alone = run_alone(arguments);
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  LaunchedCluster cluster({"-n", "4", "--routers", "2", "--set", "cluster.change_timeout_ms=500"},
                          arguments);
  ASSERT_TRUE(cluster.await([](const nlohmann::json& status) {
    return status["view"].is_object() && status["ranks"][1]["open_requests"] > 0;
  }));
  const auto drained = cluster.command({"drain", "1"});
  EXPECT_EQ(drained.exit_code, 0) << drained.err;
  EXPECT_NE(drained.out.find("taken back, and the rank works again"), std::string::npos);
  EXPECT_TRUE(cluster.await_event("drain_taken_back", 1)) << cluster.log("controller.log");
  const auto back = cluster.await([](const nlohmann::json& status) {
    return status["ranks"][1]["cordoned"] == false && status["ranks"][1]["phase"] == "serving";
  });
  EXPECT_TRUE(back) << "rank 1 did not go back to work";
  expect_same_texts(cluster, alone.json()["sequences"]);
}

TEST(Elastic, FollowsTheLoadByItself) {
  const ScratchFolder scratch;
  const auto arguments = much_work(scratch);
  const auto alone = run_alone(arguments);
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  LaunchedCluster cluster(
      {"-n", "5", "--spares", "2", "--autoscale", "active", "--set", "cluster.busy_target=0.005",
       "--set", "cluster.autoscale_interval_ms=300", "--set", "cluster.autoscale_window_ms=600"},
      arguments);
  EXPECT_TRUE(cluster.await(has_experts(4)));
  expect_same_texts(cluster, alone.json()["sequences"]);
  EXPECT_NE(cluster.log("controller.log").find("scaling_act"), std::string::npos);
}

// The spare has taken a dead rank's place before there is any load; what the load then calls for is
// a process, which the autoscaler starts in the slot of the dead one. Where the load comes first
// the spare is what it takes, so a slow machine gets more time.
TEST(Elastic, StartsAProcessWhereTheLoadCallsForOne) {
  const ScratchFolder scratch;
  const auto alone = run_alone(much_work(scratch));
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  for (const double lead_s : {10.0, 60.0}) {
    LaunchedCluster cluster(
        {"-n", "4", "--spares", "1", "--spawns", "1", "--autoscale", "active", "--set",
         "cluster.busy_target=0.005", "--set", "cluster.experts_min=2", "--set",
         "cluster.autoscale_interval_ms=300", "--set", "cluster.autoscale_window_ms=600"},
        much_work(scratch, lead_s));
    const auto ready = cluster.await(has_experts(2));
    ASSERT_TRUE(ready);
    LaunchedCluster::send_signal(*ready, 1, SIGKILL);
    const auto replaced = cluster.await([](const nlohmann::json& status) {
      return status["ranks"][1]["member"] == false && status["ranks"][3]["member"] == true;
    });
    EXPECT_TRUE(replaced) << "the spare did not take the place";
    EXPECT_TRUE(cluster.await(has_experts(3))) << "no process has come";
    expect_same_texts(cluster, alone.json()["sequences"]);
    const auto events = cluster.events();
    EXPECT_EQ(count_events(events, "request_failed"), 0U);
    EXPECT_EQ(count_events(events, "rank_dead"), 1U);
    EXPECT_EQ(count_events(events, "rank_spawn"), 1U);
    const auto by_load = [](const LoggedEvent& event) {
      return event.kind == "scaling_act" && event.text.find("spawn 1 rank") != std::string::npos;
    };
    if (HasFailure() || std::ranges::any_of(events, by_load)) return;
  }
  FAIL() << "the load came first, twice";
}

}  // namespace
}  // namespace switchyard::tests
