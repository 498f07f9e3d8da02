// Law 1 within one process: ranks are threads. One test a row.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/command/exactness_rows.h"

namespace switchyard::tests {
namespace {

class Exactness : public ::testing::Test {
 protected:
  // The baseline of some fixed arguments: one process, one thread, everything at once.
  nlohmann::json baseline(const Arguments& fixed) const {
    Arguments arguments = fixed;
    arguments.insert(arguments.end(), {"--threads", "1"});
    const auto outcome = run_alone(exactness_run(prompts_, arguments));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return outcome.json()["sequences"];
  }
  void expect_row(const Arguments& fixed, const nlohmann::json& expected,
                  const Arguments& layout) const {
    Arguments arguments = fixed;
    arguments.insert(arguments.end(), layout.begin(), layout.end());
    expect_same_sequences(run_alone(exactness_run(prompts_, arguments)), expected);
  }
  void expect_rows(const Arguments& fixed, const std::vector<Arguments>& layouts) const {
    const auto expected = baseline(fixed);
    ASSERT_EQ(expected.size(), kExactnessPrompts);
    for (const auto& layout : layouts) expect_row(fixed, expected, layout);
  }

  ScratchFolder scratch_;
  std::string prompts_ = exactness_prompts(scratch_);
};

TEST_F(Exactness, ThePromptsSpanPagesAndChunks) { expect_prompts_cross_pages(baseline({})); }

// What the other tests rest on: bits that differ show.
TEST_F(Exactness, OtherArithmeticGivesOtherDigests) {
  const auto bf16 = baseline({});
  const auto fp32 = baseline({"--precision", "fp32"});
  ASSERT_EQ(bf16.size(), fp32.size());
  for (std::size_t i = 0; i < bf16.size(); ++i) {
    EXPECT_NE(bf16[i]["logits_digest"], fp32[i]["logits_digest"]) << "sequence " << i;
  }
}

TEST_F(Exactness, TwoRunsAgree) { expect_rows({}, {{"--threads", "1"}}); }

TEST_F(Exactness, ThreadsDoNotMatter) { expect_rows({}, {{"--threads", "2"}, {"--threads", "3"}}); }

TEST_F(Exactness, NumberOfRanksDoesNotMatter) {
  expect_rows({}, {{"--ranks", "2"}, {"--ranks", "3"}, {"--ranks", "4"}, {"--ranks", "8"}});
}

TEST_F(Exactness, RoutersAndColocationDoNotMatter) {
  expect_rows({}, {{"--ranks", "4", "--routers", "2"},
                   {"--ranks", "4", "--routers", "2", "--colocate"},
                   {"--ranks", "4", "--routers", "4", "--colocate"},
                   {"--ranks", "3", "--routers", "1", "--colocate"}});
}

TEST_F(Exactness, BatchDoesNotMatter) {
  expect_rows({}, {{"--sequences", "1"}, {"--sequences", "5"}, {"--sequences", "16"}});
}

TEST_F(Exactness, PromptChunksDoNotMatter) {
  expect_rows({}, {{"--chunk", "1"}, {"--chunk", "7"}, {"--chunk", "64"}, {"--chunk", "512"}});
}

TEST_F(Exactness, PlacementDoesNotMatter) {
  const auto trace = scratch_.path("loads.jsonl");
  const auto plan = scratch_.path("plan.json");
  const auto traced = run_alone({"trace", "--preset", "demo", "--prompt", "The captain said",
                                 "--max-tokens", "8", "--out", trace});
  ASSERT_EQ(traced.exit_code, 0) << traced.err;
  const auto placed = run_alone({"place", trace, "--ranks", "3", "--slots", "7", "--out", plan});
  ASSERT_EQ(placed.exit_code, 0) << placed.err;
  expect_rows({}, {{"--ranks", "4", "--placement", "contiguous"},
                   {"--ranks", "4", "--placement", "round-robin"},
                   {"--ranks", "4", "--placement", "balanced", "--replicas", "2"},
                   {"--ranks", "4", "--placement", "eplb", "--colocate"},
                   {"--ranks", "3", "--colocate", "--placement", "file:" + plan}});
}

TEST_F(Exactness, ReplicasAndTheirChoiceDoNotMatter) {
  expect_rows({}, {{"--ranks", "4", "--replicas", "2", "--replica-choice", "local-first"},
                   {"--ranks", "4", "--replicas", "3", "--replica-choice", "round-robin"},
                   {"--ranks", "4", "--replicas", "2", "--replica-choice", "weighted", "--routers",
                    "4", "--colocate"},
                   {"--ranks", "4", "--replicas", "2", "--replica-choice", "nearest", "--routers",
                    "2", "--colocate"}});
}

TEST_F(Exactness, MicroBatchesDoNotMatter) {
  expect_rows({}, {{"--ranks", "3", "--micro-batches", "1"},
                   {"--ranks", "3", "--micro-batches", "2"},
                   {"--micro-batches", "2"}});
}

TEST_F(Exactness, HoldsInFp32) {
  expect_rows({"--precision", "fp32"}, {{"--ranks", "4"}, {"--chunk", "7"}, {"--sequences", "1"}});
}

TEST_F(Exactness, HoldsWithAnswersInFp32) {
  expect_rows({"--wire", "fp32"},
              {{"--ranks", "4"}, {"--ranks", "2", "--routers", "2", "--colocate"}});
}

TEST_F(Exactness, HoldsForEveryInstructionSet) {
  for (const char* isa : {"ref", "avx2", "avx512"}) {
    const auto probe = run_alone({"kernels", "--isa", isa});
    if (probe.exit_code != 0) continue;  // this processor does not have it
    expect_rows({"--isa", isa, "--max-tokens", "4"}, {{"--ranks", "3"}, {"--chunk", "7"}});
  }
}

TEST_F(Exactness, HoldsUnderDynamicRouting) {
  for (const char* spec :
       {"top-p:theta=0.6,k_min=1,k_max=6", "relative:t=0.2,k_min=1", "topk:k=1"}) {
    expect_rows({"--routing", spec}, {{"--ranks", "4", "--routers", "2"}, {"--chunk", "7"}});
  }
}

// The last of the file comes first, the others while it is being served.
TEST_F(Exactness, WhenAPromptArrivesDoesNotMatter) {
  std::istringstream lines(read_file(prompts_));
  std::string timed;
  int at_ms = 300;
  for (std::string line; std::getline(lines, line); at_ms -= 20) {
    auto prompt = nlohmann::json::parse(line);
    prompt["at_ms"] = at_ms;
    timed += prompt.dump() + "\n";
  }
  const auto expected = baseline({});
  const auto file = scratch_.write("timed.jsonl", timed);
  for (const Arguments& layout : {Arguments{}, Arguments{"--ranks", "4", "--routers", "2"}}) {
    expect_same_sequences(run_alone(exactness_run(file, layout)), expected);
  }
}

TEST_F(Exactness, HoldsUnderSampling) {
  expect_rows({"--temperature", "0.9", "--top-p", "0.95", "--seed", "7"},
              {{"--ranks", "4", "--routers", "3"}, {"--sequences", "1"}});
}

// A sequence draws from a stream of its own id: who else is there, and where it stands among them,
// does not matter.
TEST_F(Exactness, ASampledSequenceIsTheSameAlone) {
  const Arguments sampling{"--temperature", "0.9", "--seed", "7"};
  const auto together = run_alone(exactness_run(prompts_, sampling)).json();
  ASSERT_TRUE(together.is_object());
  std::istringstream lines(read_file(prompts_));
  std::string last;
  for (std::string line; std::getline(lines, line);) last = line;
  const auto file = scratch_.write("last.jsonl", last + "\n");
  const auto alone = run_alone(exactness_run(file, sampling)).json();
  ASSERT_TRUE(alone.is_object());
  ASSERT_EQ(alone["sequences"].size(), 1U);
  EXPECT_EQ(alone["sequences"][0], together["sequences"].back());
}

TEST_F(Exactness, LogitsFilesAreEqualToTheByte) {
  const auto write = [&](const std::string& name, const Arguments& layout) {
    Arguments arguments{"logits", "--preset",          "demo",   "--prompts", prompts_,
                        "--out",  scratch_.path(name), "--quiet"};
    arguments.insert(arguments.end(), layout.begin(), layout.end());
    const auto outcome = run_alone(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return read_file(scratch_.path(name));
  };
  const auto one = write("one.safetensors", {});
  ASSERT_FALSE(one.empty());
  EXPECT_TRUE(one == write("four.safetensors", {"--ranks", "4", "--routers", "2"}));
  EXPECT_TRUE(one == write("chunks.safetensors", {"--chunk", "7", "--sequences", "3"}));
  EXPECT_TRUE(one == write("alone.safetensors", {"--chunk", "1", "--sequences", "1"}));
  EXPECT_TRUE(one == write("all.safetensors", {"--ranks", "3", "--routers", "3", "--colocate"}));
  EXPECT_TRUE(one == write("placed.safetensors", {"--ranks", "4", "--placement", "round-robin",
                                                  "--replicas", "2", "--chunk", "64"}));
}

}  // namespace
}  // namespace switchyard::tests
