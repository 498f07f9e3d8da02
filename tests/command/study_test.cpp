// A very small study, and calibrated thresholds that keep to their budget.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "tests/command/run_command.h"

namespace switchyard::tests {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string some_text(std::size_t bytes) {
  return read_file(source_path("configs/texts/dev.txt")).substr(0, bytes);
}

// The fields of a line of the study's CSV, of which the third is quoted: "kind", family, routing,
// budget, mean_experts, nll, bits_per_byte, saved_vs_static, tokens_per_second, gain, gain_error,
// chance.
std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return fields;
}

std::vector<std::vector<std::string>> rows_of(const std::string& path) {
  std::istringstream csv(read_file(path));
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(csv, line);) rows.push_back(fields_of(line));
  return rows;
}

TEST(Study, WritesTableAndPlotAndSaysWhoWon) {
  const ScratchFolder scratch;
  const auto text = scratch.write("text.txt", some_text(4000));
  const auto outcome =
      run_alone({"study", "--preset", "demo", "--text", text, "--context", "64", "--windows", "4",
                 "--budgets", "1.5", "--static-k-max", "3", "--out", scratch.path("s"), "--quiet"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;

  auto rows = rows_of(scratch.path("s.csv"));
  ASSERT_EQ(rows.size(), 1U + 3U + 13U);  // k = 1, 2, 3, then every rule at the one budget
  EXPECT_THAT(rows[0], ElementsAre("kind", "family", "routing", "budget", "mean_experts", "nll",
                                   "bits_per_byte", "saved_vs_static", "tokens_per_second", "gain",
                                   "gain_error", "chance"));
  bool beaten = false;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const auto& row = rows[i];
    ASSERT_EQ(row.size(), 12U) << i;
    const double mean_k = std::stod(row[4]);
    const bool fixed = i <= 3;
    EXPECT_EQ(row[0] == "static", fixed) << i;
    EXPECT_EQ(row[3], fixed ? "" : "1.5000") << i;
    if (fixed) {
      EXPECT_EQ(mean_k, static_cast<double>(i));
    }
    const bool compared = !fixed && mean_k >= 1 && mean_k <= 3;
    EXPECT_EQ(row[9].empty(), !compared) << i;
    EXPECT_EQ(row[10].empty(), !compared) << i;
    EXPECT_EQ(row[11].empty(), !compared || row[0] != "dynamic") << i;
    if (compared) {
      EXPECT_TRUE(std::isfinite(std::stod(row[9]))) << i;
    }
    if (row[11].empty()) continue;
    beaten = beaten || (std::stod(row[11]) <= 0.05 && std::stod(row[9]) > 0.0005);
  }
  EXPECT_EQ(rows.back()[0], "random");
  EXPECT_EQ(rows[rows.size() - 2][0], "per-layer");
  EXPECT_NEAR(std::stod(rows[rows.size() - 2][4]), 1.5, 0.1 + 1e-9);  // five layers: steps of 0.2
  EXPECT_THAT(outcome.out, HasSubstr(beaten ? "Dynamic routing beat static routing here"
                                            : "Dynamic routing did not beat static"));
  // The losses of the windows add up to that of the row: three of the four are scored.
  const auto windows = rows_of(scratch.path("s.windows.csv"));
  ASSERT_EQ(windows.size(), 1U + 3 * 16U);
  double nats = 0;
  double tokens = 0;
  for (std::size_t w = 1; w <= 3; ++w) {
    EXPECT_EQ(windows[w][0], rows[1][2]);
    tokens += std::stod(windows[w][2]);
    nats += std::stod(windows[w][3]);
  }
  EXPECT_NEAR(nats / tokens, std::stod(rows[1][5]), 1e-6);
  EXPECT_THAT(outcome.out, HasSubstr("The random-k control"));

  const auto svg = read_file(scratch.path("s.svg"));
  EXPECT_THAT(svg, StartsWith("<svg"));
  EXPECT_THAT(svg, EndsWith("</svg>\n"));
}

// Fewer experts in one layer change what the next one sees: what counts is the mean of a run under
// the thresholds, not what they would have chosen of the gates of another run.
TEST(Calibrate, PromisesTheMeanThatARunHas) {
  const ScratchFolder scratch;
  const auto text = scratch.write("text.txt", some_text(8000));
  const std::string spec = "difficulty:estimator=variance,mean_k=2,k_max=16";
  const auto file = scratch.path("c.json");
  const auto found = run_alone({"calibrate", "--preset", "demo", "--text", text, "--budget", spec,
                                "--out", file, "--json", "--quiet"})
                         .json();
  ASSERT_TRUE(found.is_object());
  const auto run = run_alone({"eval", "--preset", "demo", "--text", text, "--calibration", file,
                              "--routing", spec, "--json", "--quiet"})
                       .json();
  ASSERT_TRUE(run.is_object());
  EXPECT_EQ(run["mean_experts"], found["entries"][0]["mean_k"]);
  EXPECT_NEAR(run["mean_experts"].get<double>(), 2.0, 0.03);
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
