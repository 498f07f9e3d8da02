// A very small study, and calibrated thresholds that keep to their budget.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "tests/command/run_command.h"

namespace switchyard::tests {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string some_text(std::size_t bytes) {
  return read_file(source_path("configs/texts/dev.txt")).substr(0, bytes);
}

struct Row {
  std::string kind;
  double mean_k = 0;
  double gain = 0;
};

// Of a line of the study's CSV, whose third field is quoted.
Row parse_row(const std::string& line) {
  Row row;
  row.kind = line.substr(0, line.find(','));
  const auto rest = line.substr(line.rfind('"') + 2);
  row.mean_k = std::stod(rest);
  row.gain = std::stod(rest.substr(rest.rfind(',') + 1));
  return row;
}

TEST(Study, WritesTableAndPlotAndSaysWhoWon) {
  const ScratchFolder scratch;
  const auto text = scratch.write("text.txt", some_text(4000));
  const auto outcome =
      run_alone({"study", "--preset", "demo", "--text", text, "--context", "64", "--windows", "4",
                 "--budgets", "1.5", "--static-k-max", "3", "--out", scratch.path("s"), "--quiet"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;

  std::istringstream csv(read_file(scratch.path("s.csv")));
  std::string line;
  std::getline(csv, line);
  EXPECT_THAT(line, StartsWith("kind,family,routing,mean_experts,nll,"));
  std::vector<Row> rows;
  while (std::getline(csv, line)) rows.push_back(parse_row(line));
  ASSERT_EQ(rows.size(), 3U + 13U);  // k = 1, 2, 3, then every rule at the one budget
  double best = -1e9;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].kind == "static", i < 3) << i;
    if (i < 3) {
      EXPECT_EQ(rows[i].mean_k, static_cast<double>(i + 1));
    }
    EXPECT_TRUE(std::isfinite(rows[i].gain));
    const bool inside = rows[i].mean_k >= 1 && rows[i].mean_k <= 3;
    if (rows[i].kind == "dynamic" && inside) best = std::max(best, rows[i].gain);
  }
  EXPECT_EQ(rows.back().kind, "random");
  EXPECT_EQ(rows[rows.size() - 2].kind, "per-layer");
  EXPECT_NEAR(rows[rows.size() - 2].mean_k, 1.5, 0.1 + 1e-9);  // five layers: steps of 0.2
  EXPECT_THAT(outcome.out, HasSubstr(best > 0.0005 ? "Dynamic routing beat static routing here"
                                                   : "Dynamic routing did not beat static"));
  EXPECT_THAT(outcome.out, HasSubstr("The random-k control"));

  const auto svg = read_file(scratch.path("s.svg"));
  EXPECT_THAT(svg, StartsWith("<svg"));
  EXPECT_THAT(svg, EndsWith("</svg>\n"));
}

TEST(Calibrate, GivesThresholdsThatReachTheirBudget) {
  const ScratchFolder scratch;
  const auto text = some_text(8000);
  const auto file = scratch.path("demo.calibration.json");
  const auto calibrated =
      run_alone({"calibrate", "--preset", "demo", "--text", scratch.write("text.txt", text),
                 "--budget", "top-p:mean_k=2", "--out", file, "--quiet"});
  ASSERT_EQ(calibrated.exit_code, 0) << calibrated.err;
  EXPECT_THAT(calibrated.out, HasSubstr("reaches mean k "));

  std::string lines;
  for (std::size_t at = 0; at + 500 <= text.size(); at += 500) {
    lines += nlohmann::json{{"prompt", text.substr(at, 500)}}.dump(
                 -1, ' ', false, nlohmann::json::error_handler_t::ignore) +
             "\n";
  }
  const auto outcome =
      run_alone({"generate", "--preset", "demo", "--prompts", scratch.write("prompts.jsonl", lines),
                 "--calibration", file, "--routing", "top-p:mean_k=2", "--max-tokens", "4",
                 "--json", "--quiet"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NEAR(outcome.json()["report"]["mean_experts"].get<double>(), 2.0, 0.2);
  // The budget alone, without the file, has no threshold.
  EXPECT_EQ(run_alone({"generate", "--preset", "demo", "--prompt", "x", "--routing",
                       "top-p:mean_k=2", "--quiet"})
                .exit_code,
            2);
}

}  // namespace
}  // namespace switchyard::tests
