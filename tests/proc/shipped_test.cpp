// configs/cluster.yaml as it is shipped: the command in its first lines, as it is written there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/command/run_command.h"

namespace switchyard::tests {
namespace {

using ::testing::StartsWith;

const std::string kPrompt = "The rain fell on the old road";
constexpr std::size_t kExpertsOfLayer = 16;

Outcome launched(const Arguments& more) {
  Arguments arguments{"launch", source_path("configs/cluster.yaml"), "generate", "--prompt",
                      kPrompt};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_alone(arguments);
}

// Its lines with a value, such as "  spares: 1".
std::size_t values_in(const std::string& yaml) {
  std::istringstream lines(yaml);
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line);) {
    count += line.starts_with("  ") && line.find(": ") != std::string::npos;
  }
  return count;
}

// Without the report, which is of other ranks.
std::string text_in(const std::string& out) { return out.substr(0, out.find("\n--\n")); }

// The text is that of the shipped model by itself.
TEST(ShippedCluster, GeneratesTheTextOfTheShippedModel) {
  const auto alone = run_alone({"generate", "--model", source_path("configs/models/tiny-qwen3moe"),
                                "--max-tokens", "96", "--prompt", kPrompt});
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  const auto outcome = launched({});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(text_in(outcome.out), text_in(alone.out)) << outcome.err;
  EXPECT_THAT(text_in(outcome.out), StartsWith(kPrompt));
}

// Every key of it is known and counts, and the cluster is the one that its first lines describe.
TEST(ShippedCluster, IsTheOneThatItDescribes) {
  const auto config = run_alone({"config", "--config", source_path("configs/cluster.yaml")});
  ASSERT_EQ(config.exit_code, 0) << config.err;
  std::size_t taken = 0;
  for (std::size_t at = 0; (at = config.out.find("cluster.yaml:", at)) != std::string::npos; ++at) {
    ++taken;
  }
  EXPECT_EQ(taken, values_in(read_file(source_path("configs/cluster.yaml")))) << config.out;

  const auto outcome = launched({"--json", "--quiet"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto document = outcome.json();
  ASSERT_TRUE(document.is_object()) << outcome.out;
  ASSERT_EQ(document["sequences"].size(), 1U);
  EXPECT_EQ(document["sequences"][0]["tokens"].size(), 96U);
  const auto& report = document["report"];
  EXPECT_TRUE(report["conserved"].get<bool>());
  ASSERT_EQ(report["ranks"].size(), 5U);
  std::size_t copies = 0;
  for (const auto& rank : report["ranks"]) copies += rank["experts_held"].get<std::size_t>();
  EXPECT_EQ(copies, 2 * report["layers"].size() * kExpertsOfLayer);
  EXPECT_EQ(report["ranks"][0]["experts_held"], 0);
  EXPECT_EQ(report["ranks"][4]["standing"], "spare");
}

}  // namespace
}  // namespace switchyard::tests
