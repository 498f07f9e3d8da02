// The unkillable law over real processes: whatever is killed while eight sequences are generated,
// the texts and the digests of their logits are those of an undisturbed run.
#include <gtest/gtest.h>
#include <signal.h>

#include <random>

#include "tests/command/exactness_rows.h"
#include "tests/proc/launched_cluster.h"

namespace switchyard::tests {
namespace {

constexpr const char* kTokens = "256";

Arguments long_run(const std::string& prompts, const Arguments& extra) {
  auto arguments = exactness_run(prompts, {"--max-tokens", kTokens});
  arguments.insert(arguments.end(), extra.begin(), extra.end());
  return arguments;
}

nlohmann::json undisturbed(const std::string& prompts) {
  const auto alone = run_alone(long_run(prompts, {}));
  EXPECT_EQ(alone.exit_code, 0) << alone.err;
  return alone.json()["sequences"];
}

// All ranks follow a view and rank 0 has done that many exchanges.
auto steps_reached(std::uint64_t steps) {
  return [steps](const nlohmann::json& status) {
    return status["view"].is_object() &&
           status["ranks"][0].value("steps", std::uint64_t{0}) >= steps;
  };
}

void expect_unharmed(LaunchedCluster& cluster, const nlohmann::json& baseline) {
  const auto outcome = cluster.finish();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err << cluster.log("ranks.log")
                                  << cluster.log("controller.log");
  const auto document = outcome.json();
  ASSERT_TRUE(document.is_object()) << outcome.out.substr(0, 400);
  EXPECT_TRUE(document["report"]["conserved"].get<bool>());
  ASSERT_EQ(document["sequences"].size(), baseline.size());
  for (std::size_t i = 0; i < baseline.size(); ++i) {
    EXPECT_EQ(document["sequences"][i], baseline[i]) << "sequence " << i;
  }
}

struct Scene {
  const char* name;
  Arguments launch;
  Arguments command;
  std::uint32_t victim_first = 1;  // expert ranks
  std::uint32_t victim_count = 1;
  int deaths = 1;
};

class ExpertDeath : public ::testing::TestWithParam<Scene> {};

TEST_P(ExpertDeath, ChangesNoToken) {
  const auto& scene = GetParam();
  const ScratchFolder scratch;
  const auto prompts = exactness_prompts(scratch);
  const auto baseline = undisturbed(prompts);
  for (std::uint32_t seed = 1; seed <= 2; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 engine(seed);
    const auto random = [&engine] { return static_cast<std::uint32_t>(engine()); };
    LaunchedCluster cluster(scene.launch, long_run(prompts, scene.command));
    std::uint64_t steps = 0;
    std::uint32_t victim = scene.victim_first + random() % scene.victim_count;
    for (int death = 0; death < scene.deaths; ++death) {
      steps += 20 + random() % 200;
      const auto status = cluster.await(steps_reached(steps));
      ASSERT_TRUE(status) << "the run was over before the kill";
      LaunchedCluster::send_signal(*status, victim, SIGKILL);
      victim = scene.victim_first + (victim + 1 - scene.victim_first) % scene.victim_count;
    }
    expect_unharmed(cluster, baseline);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Layouts, ExpertDeath,
    ::testing::Values(Scene{"WithReplicas", {"-n", "4"}, {"--replicas", "2"}, 1, 3},
                      Scene{"WithReload", {"-n", "4"}, {}, 1, 3},
                      Scene{"WithSpare", {"-n", "4", "--spares", "1"}, {}, 1, 2},
                      Scene{"TwoDeaths", {"-n", "5"}, {"--replicas", "2"}, 1, 4, 2},
                      Scene{"OverTcp", {"-n", "4", "--btl", "self,tcp"}, {}, 1, 3}),
    [](const auto& scene) { return std::string(scene.param.name); });

TEST(RouterDeath, HandsItsSequencesOn) {
  const ScratchFolder scratch;
  const auto prompts = exactness_prompts(scratch);
  const auto baseline = undisturbed(prompts);
  LaunchedCluster cluster({"-n", "4"}, long_run(prompts, {"--routers", "2"}));
  const auto status = cluster.await(steps_reached(100));
  ASSERT_TRUE(status) << "the run was over before the kill";
  LaunchedCluster::send_signal(*status, 1, SIGKILL);
  expect_unharmed(cluster, baseline);
}

TEST(ControllerDeath, DoesNotStopTheTokens) {
  const ScratchFolder scratch;
  const auto prompts = exactness_prompts(scratch);
  const auto baseline = undisturbed(prompts);
  LaunchedCluster cluster({"-n", "4"}, long_run(prompts, {}));
  ASSERT_TRUE(cluster.await(steps_reached(100))) << "the run was over before the kill";
  cluster.signal_controller(SIGKILL);
  expect_unharmed(cluster, baseline);
}

TEST(SpareDeath, GoesUnnoticed) {
  const ScratchFolder scratch;
  const auto prompts = exactness_prompts(scratch);
  const auto baseline = undisturbed(prompts);
  LaunchedCluster cluster({"-n", "4", "--spares", "1"}, long_run(prompts, {}));
  const auto status = cluster.await(steps_reached(100));
  ASSERT_TRUE(status) << "the run was over before the kill";
  LaunchedCluster::send_signal(*status, 3, SIGKILL);
  expect_unharmed(cluster, baseline);
}

auto rank_is(std::uint32_t rank, const char* state, std::uint32_t life) {
  return [=](const nlohmann::json& status) {
    const auto& entry = status["ranks"][rank];
    return entry["state"] == state && entry["life"] == life;
  };
}

// Stopped, taken for dead, woken: it finds itself out of date and comes back as a new rank.
TEST(StoppedRank, ComesBackAsNew) {
  const ScratchFolder scratch;
  const auto prompts = exactness_prompts(scratch);
  const auto arguments = long_run(prompts, {"--max-tokens", "440"});
  const auto alone = run_alone(arguments);
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  LaunchedCluster cluster({"-n", "4"}, arguments);
  const auto status = cluster.await(steps_reached(100));
  ASSERT_TRUE(status) << "the run was over before the stop";
  LaunchedCluster::send_signal(*status, 2, SIGSTOP);
  EXPECT_TRUE(cluster.await(rank_is(2, "dead", 1)));
  LaunchedCluster::send_signal(*status, 2, SIGCONT);
  EXPECT_TRUE(cluster.await(rank_is(2, "live", 2)));
  expect_unharmed(cluster, alone.json()["sequences"]);
}

}  // namespace
}  // namespace switchyard::tests
