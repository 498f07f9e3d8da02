// What a run would refuse inspect refuses, in the same words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/command/run_command.h"

namespace switchyard::tests {
namespace {

using ::testing::HasSubstr;

std::pair<Outcome, Outcome> inspected_and_run(const Arguments& flags) {
  Arguments inspect{"inspect", "--preset", "demo"};
  Arguments generate{"generate", "--preset",     "demo", "--prompt",
                     "x",        "--max-tokens", "2",    "--quiet"};
  inspect.insert(inspect.end(), flags.begin(), flags.end());
  generate.insert(generate.end(), flags.begin(), flags.end());
  return {run_alone(inspect), run_alone(generate)};
}

TEST(Inspect, RefusesWhatARunRefusesInTheSameWords) {
  const std::vector<std::pair<Arguments, std::string>> layouts{
      {{"--ranks", "4", "--routers", "4"}, "add --colocate"},
      {{"--ranks", "2", "--routers", "3"}, "cluster.routers (--routers) is 3"},
      {{"--replicas", "3"}, "cluster.replicas (--replicas) is 3"},
      {{"--ranks", "3", "--replicas", "3"}, "cluster.replicas (--replicas) is 3"},
      {{"--placement", "nowhere"}, "nowhere"}};
  for (const auto& [flags, text] : layouts) {
    const auto [inspected, run] = inspected_and_run(flags);
    EXPECT_NE(run.exit_code, 0) << run.command;
    EXPECT_EQ(inspected.exit_code, run.exit_code) << inspected.command;
    EXPECT_EQ(inspected.err, run.err) << inspected.command;
    EXPECT_THAT(inspected.err, HasSubstr(text)) << inspected.command;
    EXPECT_EQ(inspected.out, "") << inspected.command;
  }
}

TEST(Inspect, ShowsWhatARunDoes) {
  const auto inspected = run_alone({"inspect", "--preset", "demo", "--ranks", "4", "--routers", "2",
                                    "--replicas", "2", "--json"});
  const auto run =
      run_alone({"generate", "--preset", "demo", "--prompt", "x", "--max-tokens", "2", "--quiet",
                 "--ranks", "4", "--routers", "2", "--replicas", "2", "--json"});
  ASSERT_EQ(inspected.exit_code, 0) << inspected.err;
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const auto seen = inspected.json()["ranks"];
  const auto ranks = run.json()["report"]["ranks"];
  ASSERT_EQ(seen.size(), ranks.size());
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    EXPECT_EQ(seen[r]["experts"], ranks[r]["experts_held"]) << r;
    EXPECT_EQ(seen[r]["kv_bytes"], ranks[r]["kv_bytes"]) << r;
    EXPECT_EQ(seen[r]["role"] == "router", ranks[r]["router"] == true) << r;
  }
}

}  // namespace
}  // namespace switchyard::tests
