// The ceilings are measured and printed as a tool reads them.
#include <gtest/gtest.h>

#include <sstream>

#include "tests/command/run_command.h"

namespace switchyard::tests {
namespace {

TEST(Bench, CeilingsAsJsonLinesArePositive) {
  const auto outcome = run_alone({"bench", "ceilings", "--json-lines"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  std::istringstream lines(outcome.out);
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  const auto document = nlohmann::json::parse(line, nullptr, false);
  ASSERT_TRUE(document.is_object()) << line;
  const auto& header = document["header"];
  EXPECT_GT(header["threads"], 0);
  EXPECT_GT(header["read GB/s"], 0.0);
  EXPECT_GT(header["fp32 GFLOP/s"], 0.0);
  EXPECT_GE(header["bf16 GFLOP/s"], 0.0);  // 0 where the machine cannot multiply bf16
  EXPECT_FALSE(std::getline(lines, line)) << line;
}

TEST(Bench, AnUnknownAreaIsUsage) { EXPECT_EQ(run_alone({"bench", "ceiling"}).exit_code, 2); }

}  // namespace
}  // namespace switchyard::tests
