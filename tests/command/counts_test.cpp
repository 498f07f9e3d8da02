// Flags that are counts take no number that makes no sense: usage, at once, naming the flag.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/command/run_command.h"

namespace switchyard::tests {
namespace {

using ::testing::HasSubstr;

TEST(Counts, NegativeOrSenselessOnesAreUsage) {
  const auto text = source_path("configs/texts/dev.txt");
  const std::vector<Arguments> commands{
      {"eval", "--preset", "demo", "--random-tokens", "-5"},
      {"eval", "--preset", "demo", "--random-tokens", "1"},
      {"eval", "--preset", "demo", "--random-tokens", "99999999999"},
      {"study", "--preset", "demo", "--text", text, "--windows", "-1"},
      {"study", "--preset", "demo", "--text", text, "--static-k-max", "-1"},
      {"bench", "model", "--preset", "demo", "--repeats", "-1"},
      {"bench", "model", "--preset", "demo", "--repeats", "0"},
      {"bench", "model", "--preset", "demo", "--batch", "0"},
      {"bench", "model", "--preset", "demo", "--prompt-tokens", "0"},
      {"bench", "model", "--preset", "demo", "--decode-tokens", "1"},
      {"place", "none.jsonl", "--ranks", "2", "--slots", "-1"},
      {"place", "none.jsonl", "--ranks", "2", "--moves-max", "-1"},
      {"place", "none.jsonl", "--ranks", "2", "--replicas", "0"}};
  for (const auto& command : commands) {
    const auto outcome = run_prefixed("timeout 60", command);
    EXPECT_EQ(outcome.exit_code, 2) << outcome.command << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(command[command.size() - 2])) << outcome.command;
    EXPECT_THAT(outcome.err, HasSubstr("got " + command.back())) << outcome.command;
    EXPECT_EQ(outcome.out, "") << outcome.command;
  }
}

}  // namespace
}  // namespace switchyard::tests
