// Loading weights is never taken for death: an expert rank that stands still while it loads, for
// far longer than a serving rank may be silent, is waited for; nothing is declared dead.
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/proc/launched_cluster.h"

namespace switchyard::tests {
namespace {

// A short answer of a model that takes a rank seconds to load.
Arguments heavy_model(const ScratchFolder& scratch) {
  Arguments arguments = {
      "generate",     "--preset",
      "inference",    "--json",
      "--quiet",      "--ignore-eos",
      "--prompts",    scratch.write("prompt.jsonl", "{\"id\": \"a\", \"tokens\": [1, 2, 3]}\n"),
      "--max-tokens", "4"};
  for (const char* size : {"hidden=1024", "layers=6", "heads=8", "kv_heads=2", "head_size=64",
                           "vocab=1000", "experts=16", "expert_inner=1024"}) {
    arguments.insert(arguments.end(), {"--set", std::string("model.") + size});
  }
  return arguments;
}

TEST(Loading, IsNeverTakenForDeath) {
  const ScratchFolder scratch;
  const auto arguments = heavy_model(scratch);
  const auto alone = run_alone(arguments);
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  LaunchedCluster cluster({"-n", "2"}, arguments);
  const auto loading = cluster.await(
      [](const nlohmann::json& status) { return status["ranks"][1]["phase"] == "loading"; });
  ASSERT_TRUE(loading) << cluster.log("controller.log");
  LaunchedCluster::send_signal(*loading, 1, SIGSTOP);
  // Twice the silence that is death for a rank that serves.
  EXPECT_TRUE(cluster.await([](const nlohmann::json& status) {
    return status["ranks"][1]["heartbeat_age_s"].is_number() &&
           status["ranks"][1]["heartbeat_age_s"].get<double>() > 4;
  }));
  LaunchedCluster::send_signal(*loading, 1, SIGCONT);
  const auto outcome = cluster.finish();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err << cluster.log("ranks.log");
  EXPECT_EQ(outcome.json()["sequences"], alone.json()["sequences"]);
  EXPECT_EQ(cluster.log("controller.log").find("rank_dead"), std::string::npos);
}

// A rank that gets a tenth of the time reads on, slowly: it takes longer than a rank may that reads
// nothing, and is waited for.
TEST(Loading, ThatGetsOnIsNeverAFailure) {
  const ScratchFolder scratch;
  const auto arguments = heavy_model(scratch);
  LaunchedCluster cluster({"-n", "2", "--set", "cluster.prepare_timeout_ms=3000"}, arguments);
  auto now = cluster.await(
      [](const nlohmann::json& status) { return status["ranks"][1]["phase"] == "loading"; });
  ASSERT_TRUE(now) << cluster.log("controller.log");
  const nlohmann::json loading = *now;
  while (cluster.running() && count_events(cluster.events(), "view_committed") == 0) {
    LaunchedCluster::send_signal(loading, 1, SIGSTOP);
    (void)cluster.go_on(std::chrono::milliseconds(900));
    LaunchedCluster::send_signal(loading, 1, SIGCONT);
    (void)cluster.go_on(std::chrono::milliseconds(100));
  }
  const auto outcome = cluster.finish();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err << cluster.log("ranks.log");
  const auto events = cluster.events();
  const auto begun = event_after(events, "view_preparing", 0);
  const auto done = event_after(events, "view_committed", 0);
  ASSERT_TRUE(begun && done);
  EXPECT_GT(done->at - begun->at, 3.0) << "it was too fast to show anything";
  EXPECT_EQ(count_events(events, "view_rolled_back"), 0U) << cluster.log("controller.log");
}

}  // namespace
}  // namespace switchyard::tests
