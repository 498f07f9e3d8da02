// Ctrl-C ends a run cleanly: every sequence comes out with what it has, the document is whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

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

// Ctrl-C as soon as the run says how many of its sequences are done.
Outcome stopped_run(const ScratchFolder& scratch, const std::string& arguments) {
  return run_shell("cd " + quoted(scratch.path("")) + "\n timeout -k 10 300 " +
                   quoted(binary_path()) + " " + arguments +
                   " </dev/null 2>err & wrapper=$!\n"
                   "until grep -q ' done, ' err || ! kill -0 $wrapper; do sleep 0.1; done\n"
                   "kill -INT $(cat /proc/$wrapper/task/$wrapper/children)\n"
                   "wait $wrapper; code=$?; cat err >&2; exit $code");
}

class Stop : public ::testing::TestWithParam<const char*> {};

TEST_P(Stop, LeavesAWholeDocument) {
  const ScratchFolder scratch;
  const auto prompts = long_prompts(scratch);
  const auto outcome =
      stopped_run(scratch, "generate --preset inference --max-tokens 2000 --ignore-eos --json " +
                               std::string(GetParam()) + " --prompts " + quoted(prompts));
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

// What must be whole to be of use is not written at all.
TEST(StopOfAFile, LeavesNoPartOfATrace) {
  const ScratchFolder scratch;
  const auto prompts = long_prompts(scratch);
  const auto outcome =
      stopped_run(scratch,
                  "trace --preset inference --max-tokens 2000 --ignore-eos --out trace.jsonl "
                  "--prompts " +
                      quoted(prompts));
  EXPECT_EQ(outcome.exit_code, 130) << outcome.err;
  EXPECT_THAT(outcome.err, ::testing::HasSubstr("trace.jsonl was not written"));
  EXPECT_FALSE(std::filesystem::exists(scratch.path("trace.jsonl")));
}

// Nothing has been computed while prompts are read: there is nothing to finish.
TEST(StopOfInput, EndsAtOnce) {
  const ScratchFolder scratch;
  const auto outcome =
      run_shell("cd " + quoted(scratch.path("")) +
                "\n mkfifo prompts; sleep 300 > prompts & writer=$!\n" + quoted(binary_path()) +
                " generate --preset demo --prompts prompts </dev/null 2>err & run=$!\n"
                // It has opened the pipe once a descriptor of it leads there.
                "until ls -l /proc/$run/fd 2>&1 | grep -q '/prompts$'; do sleep 0.1; done\n"
                "kill -INT $run; wait $run; code=$?; kill $writer; cat err >&2; exit $code");
  EXPECT_EQ(outcome.exit_code, 130) << outcome.err;
  EXPECT_THAT(outcome.err, ::testing::HasSubstr("stopped before anything was computed"));
}

INSTANTIATE_TEST_SUITE_P(Layouts, Stop, ::testing::Values("", "--ranks 3 --routers 2"));

}  // namespace
}  // namespace switchyard::tests
