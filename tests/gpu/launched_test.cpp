// A launched cluster whose rows go by NCCL between emulated GPUs, and a rank of it that is killed
// while they do: the survivors give its communicators up, make new ones and go on, and the texts
// and the digests of their logits are those of one GPU.
#include <gmock/gmock.h>
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): setenv is POSIX

#include <csignal>

#include "runtime/base/clock.h"
#include "tests/proc/launched_cluster.h"

namespace switchyard::tests {
namespace {

struct Loss {
  std::string name;
  Arguments launch;
  std::string event;  // that the loss leads to
  // What NCCL says of a peer that died: an error, as over a network, or nothing, as over NVLink.
  std::string told = "reported";
};

class LaunchedByNccl : public ::testing::Test {
 protected:
  static void set_up(const std::string& told) {
    ::setenv("CUDA_EMULATION_DEVICES", "4", 1);
    ::setenv("CUDA_EMULATION_NCCL_LOSS", told.c_str(), 1);
  }
  void TearDown() override {
    ::unsetenv("CUDA_EMULATION_DEVICES");
    ::unsetenv("CUDA_EMULATION_NCCL_LOSS");
  }

  static Arguments run(const std::string& tokens) {
    return {"generate",
            "--preset",
            "demo",
            "--device",
            "cuda",
            "--prompt",
            "The master of the house",
            "--prompt",
            "She had not ",
            "--json",
            "--quiet",
            "--max-tokens",
            tokens};
  }
  static nlohmann::json one_gpu(const std::string& tokens) {
    const auto alone = run_alone(run(tokens));
    EXPECT_EQ(alone.exit_code, 0) << alone.err;
    return alone.json()["sequences"];
  }
};

class NcclRankDies : public LaunchedByNccl, public ::testing::WithParamInterface<Loss> {
 protected:
  void SetUp() override { set_up(GetParam().told); }
};

constexpr unsigned kStepsBefore = 40;  // exchanges, five to a token

TEST_P(NcclRankDies, ChangesNoToken) {
  const std::string tokens = "24";
  static const nlohmann::json wanted = one_gpu(tokens);
  Arguments launch{"-n", "4"};
  launch.insert(launch.end(), GetParam().launch.begin(), GetParam().launch.end());
  LaunchedCluster cluster(launch, run(tokens));
  const auto busy = cluster.await([&](const nlohmann::json& now) {
    return now["view"].is_object() && now["ranks"][0]["steps"] >= kStepsBefore;
  });
  ASSERT_TRUE(busy) << cluster.finish().err;
  LaunchedCluster::send_signal(*busy, 2, SIGKILL);
  const auto outcome = cluster.finish();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(count_events(cluster.events(), "rank_dead"), 1U);
  EXPECT_GE(count_events(cluster.events(), GetParam().event), 1U);
  const auto document = outcome.json();
  EXPECT_EQ(document["sequences"], wanted);
  EXPECT_TRUE(document["report"]["conserved"].get<bool>());
  ASSERT_FALSE(document["report"]["ranks"].empty());
  for (const auto& rank : document["report"]["ranks"]) {
    EXPECT_THAT(rank["device"].get<std::string>(), ::testing::HasSubstr("rows by nccl"));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Clusters, NcclRankDies,
    ::testing::Values(Loss{"Replicas", {"--replicas", "2"}, "view_committed", "silent"},
                      Loss{"Reload", {}, "view_preparing"},
                      Loss{"AProcessComesInItsPlace", {"--spawns", "1"}, "rank_spawn"}),
    [](const auto& loss) { return loss.param.name; });

class NcclRankStops : public LaunchedByNccl {
 protected:
  void SetUp() override { set_up("silent"); }
};

// A rank stands still until it is taken for dead, with rows for it and from it under way that no
// living rank moves on; then it runs again, and has to come back as a spare. The requests are long
// enough for all that, and are given up then.
TEST_F(NcclRankStops, AndComesBackAsASpare) {
  LaunchedCluster cluster({"-n", "4", "--replicas", "2"}, run("150"));
  const auto busy = cluster.await([&](const nlohmann::json& now) {
    return now["view"].is_object() && now["ranks"][0]["steps"] >= kStepsBefore;
  });
  ASSERT_TRUE(busy) << cluster.finish().err;
  const auto joined = count_events(cluster.events(), "rank_joined");
  LaunchedCluster::send_signal(*busy, 2, SIGSTOP);
  const bool dead = cluster.await_event("rank_dead", 1);
  LaunchedCluster::send_signal(*busy, 2, SIGCONT);
  EXPECT_TRUE(dead) << "the run has ended before";
  const SteadyClock clock;
  const auto patience = Deadline::after(clock, std::chrono::seconds(120));
  bool back = false;
  while (!back && !patience.passed(clock) && cluster.go_on(std::chrono::milliseconds(10))) {
    back = count_events(cluster.events(), "rank_joined") > joined;
  }
  EXPECT_TRUE(back) << "it has not come back";
  if (!back) LaunchedCluster::send_signal(*busy, 2, SIGKILL);  // or the run would not end
  cluster.interrupt();
  const auto outcome = cluster.finish();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
}

}  // namespace
}  // namespace switchyard::tests
