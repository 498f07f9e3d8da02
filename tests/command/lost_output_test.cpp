// Output that cannot be written is no success, and is found before the work where it can be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/command/run_command.h"

namespace switchyard::tests {
namespace {

using ::testing::HasSubstr;

const std::string kGenerate = "generate --preset demo --prompt 'The sea' --max-tokens 2";

TEST(LostOutput, OfStdoutIsAnError) {
  for (const std::string& command :
       {kGenerate, kGenerate + " --json", std::string("config"), std::string("--help")}) {
    const auto outcome = run_shell(quoted(binary_path()) + " " + command + " >/dev/full");
    EXPECT_EQ(outcome.exit_code, 6) << command << "\n" << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("stdout cannot be written")) << command;
  }
}

TEST(LostOutput, OfAPipeWhoseReaderIsGoneIsAnError) {
  const ScratchFolder scratch;
  const auto outcome = run_shell("cd " + quoted(scratch.path("")) + "; { " + quoted(binary_path()) +
                                 " " + kGenerate + "; echo $? > code; } | true");
  EXPECT_EQ(read_file(scratch.path("code")), "6\n") << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("stdout cannot be written: Broken pipe"));
}

TEST(LostOutput, OfAFileIsFoundBeforeTheRun) {
  const ScratchFolder scratch;
  const auto text = scratch.write("text.txt", "The captain said that the sea was wide.");
  const Arguments demo{"--preset", "demo"};
  const std::vector<Arguments> commands{
      {"generate", "--prompt", "x", "--out", "/nonexistent/x"},
      {"logits", "--prompt", "x", "--out", "/nonexistent/x"},
      {"trace", "--prompt", "x", "--out", "/nonexistent/x"},
      {"calibrate", "--text", text, "--budget", "top-p:mean_k=2", "--out", "/nonexistent/x"}};
  for (auto arguments : commands) {
    arguments.insert(arguments.end(), demo.begin(), demo.end());
    const auto outcome = run_alone(arguments);
    EXPECT_EQ(outcome.exit_code, 6) << outcome.command << "\n" << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr("/nonexistent/x")) << outcome.command;
    EXPECT_THAT(outcome.err, ::testing::Not(HasSubstr("tokens,"))) << outcome.command;
  }
}

// Paths are bytes, JSON is UTF-8: the document comes with a replacement.
TEST(LostOutput, IsNotWhatAPathOutsideUtf8Means) {
  const ScratchFolder scratch;
  const auto outcome =
      run_alone({"logits", "--preset", "demo", "--prompt", "x", "--last", "--json", "--out",
                 scratch.path("a\xff"
                              "b")});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(outcome.json().is_object());
}

}  // namespace
}  // namespace switchyard::tests
