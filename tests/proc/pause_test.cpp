// A rank that stands still for longer than the usual silence, where the operator allows more (hosts
// that pause): nobody takes it for dead, everybody waits, and no token differs.
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/proc/launched_cluster.h"
#include "tests/proc/much_work.h"

namespace switchyard::tests {
namespace {

TEST(APause, IsNoDeathWithinTheSilenceThatIsAllowed) {
  const ScratchFolder scratch;
  const auto arguments = much_work(scratch);
  const auto alone = run_alone(arguments);
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  LaunchedCluster cluster({"-n", "3", "--set", "cluster.silence_timeout_ms=600000", "--set",
                           "cluster.stuck_timeout_ms=600000"},
                          arguments);
  const auto status = cluster.await([](const nlohmann::json& now) {
    return now["view"].is_object() && now["ranks"][0].value("steps", 0) > 20;
  });
  ASSERT_TRUE(status);
  LaunchedCluster::send_signal(*status, 1, SIGSTOP);
  (void)cluster.go_on(std::chrono::seconds(6));
  EXPECT_TRUE(cluster.running()) << "rank 1 stood still, and yet the work is done";
  LaunchedCluster::send_signal(*status, 1, SIGCONT);
  const auto outcome = cluster.finish();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err << cluster.log("controller.log");
  EXPECT_EQ(outcome.json()["sequences"], alone.json()["sequences"]);
  EXPECT_EQ(count_events(cluster.events(), "rank_dead"), 0U) << cluster.log("controller.log");
}

}  // namespace
}  // namespace switchyard::tests
