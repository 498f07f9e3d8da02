// A controller that lives and does nothing: launch notices, ends it, and the next one takes over
// from its journal; no token differs.
#include <gtest/gtest.h>
#include <signal.h>

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

}  // namespace
}  // namespace switchyard::tests
