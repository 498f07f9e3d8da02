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

}  // namespace
}  // namespace switchyard::tests
