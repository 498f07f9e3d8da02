// A launched cluster whose rows go by NCCL between emulated GPUs, and a rank of it that is killed
// while they do: the survivors give its communicators up, make new ones and go on, and the texts
// and the digests of their logits are those of one GPU.
#include <fmt/format.h>
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

// How much there is to do: set by the build, for a GPU would be done with the emulation's work
// before anybody could die.
struct Work {
  unsigned prompts = SWITCHYARD_LAUNCHED_PROMPTS;
  unsigned tokens = SWITCHYARD_LAUNCHED_TOKENS;
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

  static Arguments run(const Work& work) {
    Arguments all{"generate", "--preset",     "demo",
                  "--device", "cuda",         "--json",
                  "--quiet",  "--max-tokens", std::to_string(work.tokens)};
    for (unsigned i = 0; i < work.prompts; ++i) {
      const std::string text = i % 2 == 0 ? "The master of the house" : "She had not ";
      all.insert(all.end(), {"--prompt", i < 2 ? text : fmt::format("{} {}", text, i)});
    }
    return all;
  }
  static nlohmann::json one_gpu(const Work& work) {
    const auto alone = run_alone(run(work));
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
  const Work work;
  static const nlohmann::json wanted = one_gpu(work);
  Arguments launch{"-n", "4"};
  launch.insert(launch.end(), GetParam().launch.begin(), GetParam().launch.end());
  LaunchedCluster cluster(launch, run(work));
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
  const Work work{SWITCHYARD_LAUNCHED_PROMPTS_STOPPED, SWITCHYARD_LAUNCHED_TOKENS_STOPPED};
  LaunchedCluster cluster({"-n", "4", "--replicas", "2"}, run(work));
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
