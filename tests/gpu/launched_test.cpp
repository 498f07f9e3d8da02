// A launched cluster whose rows go by NCCL between emulated GPUs, and a rank of it that is killed
// while they do: the survivors give its communicators up, make new ones and go on, and the texts
// and the digests of their logits are those of one GPU.
#include <gmock/gmock.h>
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): setenv is POSIX

#include <csignal>

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

class NcclRankDies : public ::testing::TestWithParam<Loss> {
 protected:
  void SetUp() override {
    ::setenv("CUDA_EMULATION_DEVICES", "4", 1);
    ::setenv("CUDA_EMULATION_NCCL_LOSS", GetParam().told.c_str(), 1);
  }
  void TearDown() override {
    ::unsetenv("CUDA_EMULATION_DEVICES");
    ::unsetenv("CUDA_EMULATION_NCCL_LOSS");
  }

  static Arguments run() {
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
            "24"};
  }
  static nlohmann::json one_gpu() {
    const auto alone = run_alone(run());
    EXPECT_EQ(alone.exit_code, 0) << alone.err;
    return alone.json()["sequences"];
  }
};

TEST_P(NcclRankDies, ChangesNoToken) {
  static const nlohmann::json wanted = one_gpu();
  Arguments launch{"-n", "4"};
  launch.insert(launch.end(), GetParam().launch.begin(), GetParam().launch.end());
  LaunchedCluster cluster(launch, run());
  constexpr unsigned kStepsBefore = 40;  // exchanges, five to a token
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

}  // namespace
}  // namespace switchyard::tests
