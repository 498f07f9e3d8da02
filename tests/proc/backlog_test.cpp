// More requests than the routers have room for, with real processes: nobody is taken for dead, and
// Ctrl-C ends those that wait at once. Processes that are taken for dead again and again end.
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/command/exactness_rows.h"
#include "tests/proc/launched_cluster.h"
#include "tests/proc/much_work.h"

namespace switchyard::tests {
namespace {

using nlohmann::json;

Arguments many_prompts(const ScratchFolder& scratch, int count, const char* tokens) {
  std::string lines;
  for (int i = 0; i < count; ++i) {
    lines += json{{"id", std::to_string(i)}, {"tokens", {1 + i % 100, 2, 3}}}.dump() + "\n";
  }
  Arguments arguments = {
      "generate",     "--preset",     "inference", "--json",
      "--quiet",      "--ignore-eos", "--prompts", scratch.write("many.jsonl", lines),
      "--max-tokens", tokens};
  for (const char* size : {"hidden=64", "layers=2", "heads=2", "kv_heads=1", "head_size=32",
                           "vocab=200", "expert_inner=64"}) {
    arguments.insert(arguments.end(), {"--set", std::string("model.") + size});
  }
  return arguments;
}

TEST(Backlog, ThousandsWaitAndNobodyIsTakenForDead) {
  const ScratchFolder scratch;
  LaunchedCluster cluster({"-n", "3", "--routers", "2"}, many_prompts(scratch, 8000, "1"));
  const auto outcome = cluster.finish();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["sequences"].size(), 8000u);
  EXPECT_EQ(count_events(cluster.events(), "rank_dead"), 0u);
}

TEST(Backlog, CtrlCEndsWhatWaitsAtOnce) {
  const ScratchFolder scratch;
  LaunchedCluster cluster({"-n", "3", "--routers", "2"}, many_prompts(scratch, 8000, "200"));
  // Once it serves: a cluster that is stopped before has nothing to end with.
  ASSERT_TRUE(cluster.await([](const json& now) {
    return now["view"].is_object() && now["ranks"][0].value("steps", 0) > 0 &&
           now["requests"].value("waiting", 0) >= 5000;
  }));
  cluster.interrupt();
  ASSERT_TRUE(cluster.await_event("ending_now", 1));
  const auto outcome = cluster.finish();
  const auto sequences = outcome.json()["sequences"];
  ASSERT_EQ(sequences.size(), 8000u);
  std::size_t not_begun = 0;
  for (const json& sequence : sequences) {
    if (sequence["finish_reason"] != "interrupted") continue;
    not_begun += sequence["tokens"].empty() ? 1U : 0U;
    ASSERT_EQ(sequence["prompt_tokens"], 3);
  }
  EXPECT_GE(not_begun, 5000u);
  // None of those that waited went to a router any more: 2 x 1024 had room, and some have ended
  // before. (Of those that went to one it may have begun few.)
  EXPECT_LE(count_events(cluster.events(), "request_assigned"), 8000u - not_begun + 2048u);
}

std::size_t finished(const LaunchedCluster& cluster) {
  const std::string log = cluster.log("ranks.log");
  const std::string event = "\"request_finished\"";
  std::size_t count = 0;
  for (std::size_t at = log.find(event); at != std::string::npos; at = log.find(event, at + 1)) {
    ++count;
  }
  return count;
}

// The router goes on with what it has: requests end while nobody takes their results.
TEST(Backlog, TokensFlowWhileTheControllerStandsStill) {
  const ScratchFolder scratch;
  const auto arguments = many_prompts(scratch, 600, "200");
  const auto alone = run_alone(arguments);
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  LaunchedCluster cluster({"-n", "3", "--log-format", "json", "--log-level", "info", "--set",
                           "cluster.controller_timeout_ms=600000"},
                          arguments);
  ASSERT_TRUE(cluster.await([](const json& now) {
    return now["view"].is_object() && now["ranks"][0].value("steps", 0) > 20;
  }));
  cluster.signal_controller(SIGSTOP);
  const std::size_t before = finished(cluster);
  while (cluster.go_on(std::chrono::milliseconds(10)) && finished(cluster) < before + 64) {
  }
  EXPECT_GE(finished(cluster), before + 64);
  cluster.signal_controller(SIGCONT);
  const auto outcome = cluster.finish();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.json()["sequences"], alone.json()["sequences"]);
  EXPECT_EQ(count_events(cluster.events(), "rank_dead"), 0u);
}

TEST(Backlog, AProcessThatIsTakenForDeadTooOftenEnds) {
  const ScratchFolder scratch;
  LaunchedCluster cluster({"-n", "4", "--spares", "1", "--set", "cluster.lives_max=1"},
                          much_work(scratch));
  const auto status = cluster.await([](const json& now) {
    return now["view"].is_object() && now["ranks"][0].value("steps", 0) > 20;
  });
  ASSERT_TRUE(status) << cluster.log("controller.log");
  LaunchedCluster::send_signal(*status, 1, SIGSTOP);
  ASSERT_TRUE(cluster.await_event("rank_dead", 1));
  LaunchedCluster::send_signal(*status, 1, SIGCONT);
  const auto outcome = cluster.finish();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(cluster.log("ranks.log").find("rank 1: this process was taken for dead"),
            std::string::npos);
  EXPECT_EQ(cluster.log("ranks.log").find("it comes back as a spare"), std::string::npos);
}

}  // namespace
}  // namespace switchyard::tests
