// A controller that lives and does nothing, and one that cannot start for a while: launch notices,
// and the next one takes over from the journal; no token differs.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "tests/proc/launched_cluster.h"
#include "tests/proc/much_work.h"

namespace switchyard::tests {
namespace {

TEST(HungController, IsReplacedAndTheRunGoesOn) {
  const ScratchFolder scratch;
  const auto arguments = much_work(scratch);
  const auto alone = run_alone(arguments);
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  LaunchedCluster cluster({"-n", "3", "--set", "cluster.controller_timeout_ms=3000"}, arguments);
  ASSERT_TRUE(cluster.await([](const nlohmann::json& status) {
    return status["view"].is_object() && status["ranks"][0].value("steps", 0) > 20;
  }));
  const pid_t first = cluster.controller();
  cluster.signal_controller(SIGSTOP);
  const auto outcome = cluster.finish();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err << cluster.log("controller.log");
  EXPECT_EQ(outcome.json()["sequences"], alone.json()["sequences"]);
  EXPECT_NE(::kill(first, 0), 0) << "the one that hung is still there";
  const auto events = cluster.events();
  EXPECT_EQ(count_events(events, "rank_dead"), 0U) << cluster.log("controller.log");
  EXPECT_EQ(count_events(events, "rank_resumed"), 3U) << cluster.log("controller.log");
  EXPECT_EQ(count_events(events, "stopped"), 1U);
}

// What keeps it from starting here is what a full disk does: its run file cannot be written.
TEST(FailingController, IsStartedAgainUntilItCanStart) {
  const ScratchFolder scratch;
  const auto arguments = much_work(scratch);
  const auto alone = run_alone(arguments);
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  LaunchedCluster cluster({"-n", "3"}, arguments);
  ASSERT_TRUE(cluster.await([](const nlohmann::json& status) {
    return status["view"].is_object() && status["ranks"][0].value("steps", 0) > 20;
  }));
  const std::string in_the_way = cluster.path("run.json.new");
  ASSERT_TRUE(std::filesystem::create_directory(in_the_way));
  cluster.signal_controller(SIGKILL);
  (void)cluster.go_on(std::chrono::seconds(6));
  EXPECT_TRUE(cluster.running());
  // Who looks for the cluster still finds where it is.
  EXPECT_TRUE(std::filesystem::exists(cluster.path("run.json")));
  std::filesystem::remove(in_the_way);
  const auto outcome = cluster.finish();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err << cluster.log("controller.out");
  EXPECT_EQ(outcome.json()["sequences"], alone.json()["sequences"]);
  EXPECT_EQ(count_events(cluster.events(), "rank_dead"), 0U) << cluster.log("controller.log");
}

}  // namespace
}  // namespace switchyard::tests
