// When the last copy of an expert dies: requests that nobody can serve fail with the reason, Ctrl-C
// leaves what they wait in, and --loss mask and fail do as they say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/proc/http_get.h"
#include "tests/proc/launched_cluster.h"
#include "tests/proc/much_work.h"

namespace switchyard::tests {
namespace {

using ::testing::HasSubstr;

// Rank 0 is in the midst of exchanges with the others.
bool at_work(const nlohmann::json& status) {
  return status["view"].is_object() && status["ranks"][0].value("steps", 0) > 20 &&
         status["requests"]["open"] > 0;
}

bool ready(const LaunchedCluster& cluster) {
  const auto run = nlohmann::json::parse(cluster.log("run.json"), nullptr, false);
  return run.is_object() && !http_get(run.value("admin", ""), "/readyz").empty();
}

// Kills the rank in the midst of work; false when the run was over before.
bool kill_at_work(LaunchedCluster& cluster, std::uint32_t rank) {
  const auto status = cluster.await(at_work);
  if (status) LaunchedCluster::send_signal(*status, rank, SIGKILL);
  return status.has_value();
}

TEST(Loss, RequestsFailWithTheReasonWhereNobodyCanLoad) {
  const ScratchFolder scratch;
  LaunchedCluster cluster({"-n", "2", "--set", "cluster.loss_wait_ms=2000"}, much_work(scratch));
  ASSERT_TRUE(cluster.await(at_work));
  EXPECT_TRUE(ready(cluster));
  ASSERT_TRUE(kill_at_work(cluster, 1));
  ASSERT_TRUE(cluster.await_event("waiting_for_ranks", 1));
  EXPECT_FALSE(ready(cluster));
  const auto outcome = cluster.finish();
  EXPECT_EQ(outcome.exit_code, 5) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("16 of 16 requests failed"));
  EXPECT_THAT(outcome.err, HasSubstr("expert_lost: rank 1 died"));
  // The router left its exchange and ended in order: nobody had to give it up.
  EXPECT_EQ(count_events(cluster.events(), "rank_dead"), 1U) << cluster.log("controller.log");
  EXPECT_EQ(count_events(cluster.events(), "stopped"), 1U);
}

// The wait for somebody who loads would last a day.
TEST(Loss, CtrlCLeavesAnExchangeThatNobodyAnswers) {
  const ScratchFolder scratch;
  LaunchedCluster cluster({"-n", "2", "--set", "cluster.loss_wait_ms=86400000"},
                          much_work(scratch));
  ASSERT_TRUE(kill_at_work(cluster, 1));
  ASSERT_TRUE(cluster.await_event("waiting_for_ranks", 1));
  cluster.interrupt();
  const auto outcome = cluster.finish();
  EXPECT_EQ(count_events(cluster.events(), "rank_dead"), 1U) << cluster.log("controller.log");
  const auto document = outcome.json();
  ASSERT_TRUE(document.is_object()) << outcome.err;
  ASSERT_EQ(document["sequences"].size(), 16U);
  for (const auto& sequence : document["sequences"])
    EXPECT_EQ(sequence["finish_reason"], "interrupted");
  EXPECT_EQ(document["report"]["conserved"], true);
}

// Each expert has two copies again, while the work goes on and no text changes.
TEST(Loss, CopiesThatADeathTookComeBack) {
  const ScratchFolder scratch;
  const auto arguments = much_work(scratch);
  const auto alone = run_alone(arguments);
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  LaunchedCluster cluster({"-n", "4", "--replicas", "2"}, arguments);
  ASSERT_TRUE(kill_at_work(cluster, 2));
  const auto whole = cluster.await([](const nlohmann::json& status) {
    return status["ranks"][2]["state"] == "dead" && status["view"]["members"].size() == 3 &&
           status["view"]["experts_under_replicated"] == 0;
  });
  ASSERT_TRUE(whole) << cluster.log("controller.log");
  for (const auto& member : (*whole)["view"]["members"]) {
    if (member["expert"] != true) continue;  // both have everything
    EXPECT_EQ(member["experts_held"],
              (*whole)["view"]["layers"].get<int>() * (*whole)["view"]["experts"].get<int>());
  }
  EXPECT_GE(count_events(cluster.events(), "replicas_restored"), 1U);
  const auto outcome = cluster.finish();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err << cluster.log("ranks.log");
  EXPECT_EQ(outcome.json()["sequences"], alone.json()["sequences"]);
}

// What is lost is dropped and counted, and the requests end.
TEST(Loss, MaskGoesOnWithoutTheLostExperts) {
  const ScratchFolder scratch;
  LaunchedCluster cluster({"-n", "3", "--loss", "mask"}, much_work(scratch));
  ASSERT_TRUE(kill_at_work(cluster, 2));
  EXPECT_TRUE(cluster.await(
      [](const nlohmann::json& status) { return status["view"]["experts_masked"] > 0; }));
  EXPECT_TRUE(ready(cluster));
  const auto outcome = cluster.finish();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err << cluster.log("ranks.log");
  const auto document = outcome.json();
  EXPECT_EQ(document["sequences"].size(), 16U);
  EXPECT_EQ(document["report"]["conserved"], true);
  EXPECT_GT(document["report"]["ranks"][0]["pairs_masked"], 0);
  EXPECT_EQ(count_events(cluster.events(), "experts_masked"), 1U);
}

// Requests fail at once, though rank 1 could load what rank 2 held.
TEST(Loss, FailEndsTheRequestsThatAreOpen) {
  const ScratchFolder scratch;
  LaunchedCluster cluster({"-n", "3", "--loss", "fail"}, much_work(scratch));
  ASSERT_TRUE(kill_at_work(cluster, 2));
  const auto outcome = cluster.finish();
  EXPECT_EQ(outcome.exit_code, 5) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("expert_lost: rank 2 died"));
  EXPECT_EQ(count_events(cluster.events(), "rank_dead"), 1U) << cluster.log("controller.log");
  EXPECT_EQ(count_events(cluster.events(), "stopped"), 1U);
}

}  // namespace
}  // namespace switchyard::tests
