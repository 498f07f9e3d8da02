// Ctrl-C ends a run cleanly: every sequence comes out with what it has, the document is whole.
#include <gtest/gtest.h>

#include "tests/command/run_command.h"

namespace switchyard::tests {
namespace {

// Sixteen long answers of a random model: far more work than the signal's delay.
std::string long_prompts(const ScratchFolder& scratch) {
  std::string lines;
  for (int i = 0; i < 16; ++i) {
    lines += nlohmann::json{{"id", std::to_string(i)}, {"tokens", {1 + i, 2, 3}}}.dump() + "\n";
  }
  return scratch.write("prompts.jsonl", lines);
}

class Stop : public ::testing::TestWithParam<const char*> {};

TEST_P(Stop, LeavesAWholeDocument) {
  const ScratchFolder scratch;
  const auto prompts = long_prompts(scratch);
  const auto outcome = run_shell("timeout --preserve-status -s INT 3 " + quoted(binary_path()) +
                                 " generate --preset inference --max-tokens 2000 --json --quiet " +
                                 GetParam() + " --prompts " + quoted(prompts));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto document = outcome.json();
  ASSERT_TRUE(document.is_object()) << outcome.out.substr(0, 400);
  ASSERT_EQ(document["sequences"].size(), 16U);
  for (const auto& sequence : document["sequences"]) {
    EXPECT_EQ(sequence["finish_reason"], "interrupted");
    EXPECT_LT(sequence["tokens"].size(), 2000U);
  }
  EXPECT_TRUE(document["report"]["conserved"].get<bool>());
}

INSTANTIATE_TEST_SUITE_P(Layouts, Stop, ::testing::Values("", "--ranks 3 --routers 2"));

}  // namespace
}  // namespace switchyard::tests
