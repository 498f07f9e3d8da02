// Where memory does not suffice the run says so and ends by itself, soon and with its exit code.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/command/run_command.h"

namespace switchyard::tests {
namespace {

using ::testing::HasSubstr;

// 1.6 GB of random weights.
constexpr const char* kLargeShape =
    "model:\n  family: qwen3_moe\n  hidden: 1024\n  layers: 4\n  heads: 8\n  kv_heads: 2\n"
    "  head_size: 64\n  vocab: 1000\n  experts: 64\n  experts_per_token: 2\n  expert_inner: 1024\n"
    "  context_max: 256\n  seed: 1\n";

class LittleMemory : public ::testing::Test {
 protected:
  // 124 where it did not end by itself.
  Outcome run_within(int kib, const std::string& ranks, const Arguments& more) {
    std::string command = "ulimit -v " + std::to_string(kib) + "; timeout -k 5 90 " +
                          quoted(binary_path()) + " generate --config " +
                          quoted(scratch_.write("large.yaml", kLargeShape)) + " --prompts " +
                          quoted(scratch_.write("p.jsonl", "{\"tokens\":[1,2]}\n")) +
                          " --threads 1 --quiet --max-tokens 2 --ranks " + ranks;
    for (const auto& word : more) command += " " + quoted(word);
    return run_shell(command + " </dev/null");
  }
  ScratchFolder scratch_;
};

TEST_F(LittleMemory, WeightsThatDoNotFitEndTheRun) {
  for (const char* ranks : {"1", "3"}) {
    const auto outcome = run_within(1'300'000, ranks, {});
    EXPECT_EQ(outcome.exit_code, 4) << outcome.command << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("this machine has no memory for")) << outcome.command;
    EXPECT_EQ(outcome.out, "");
  }
}

// The error comes before the weights, in the lead's own preparations.
TEST_F(LittleMemory, APreparationThatDoesNotFitEndsTheRun) {
  const auto outcome =
      run_shell("ulimit -v 500000; timeout -k 5 90 " + quoted(binary_path()) +
                " eval --preset demo --quiet --random-tokens 10000000 --context 1");
  EXPECT_EQ(outcome.exit_code, 4) << outcome.command << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("not enough memory"));
}

}  // namespace
}  // namespace switchyard::tests
