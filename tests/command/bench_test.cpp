// Every area of `bench` on a tiny shape: the rows that tools read are there, whole and sensible.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "tests/command/run_command.h"

namespace switchyard::tests {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr const char* kTinyShape =
    "model:\n  family: qwen3_moe\n  hidden: 64\n  layers: 2\n  heads: 2\n  kv_heads: 1\n"
    "  head_size: 32\n  vocab: 100\n  experts: 4\n  experts_per_token: 2\n  expert_inner: 32\n"
    "  context_max: 256\n  seed: 1\n";

// The lines of a run, the header first where there is one. Everything checked that holds for all.
std::vector<json> rows_of(const Outcome& outcome) {
  EXPECT_EQ(outcome.exit_code, 0) << outcome.command << outcome.err;
  std::vector<json> rows;
  std::istringstream lines(outcome.out);
  for (std::string line; std::getline(lines, line);) {
    auto row = json::parse(line, nullptr, false);
    EXPECT_TRUE(row.is_object()) << line;
    if (!row.is_object() || row.contains("header")) continue;
    for (const char* key : {"count", "us_min", "us_p50", "us_p99", "us_mad", "achieved"}) {
      EXPECT_TRUE(row[key].is_number()) << key << ": " << line;  // NaN is written as null
    }
    EXPECT_GT(row["count"], 0) << line;
    EXPECT_LE(row["us_min"], row["us_p50"]) << line;
    EXPECT_LE(row["us_p50"], row["us_p99"]) << line;
    EXPECT_TRUE(row["name"].is_string() && row["unit"].is_string()) << line;
    EXPECT_EQ(row.contains("ceiling"), row.contains("limit")) << line;
    EXPECT_EQ(row.contains("ceiling"), row.contains("share")) << line;
    if (row.contains("ceiling")) {
      EXPECT_GT(row["ceiling"], 0.0) << line;
      const double share = row["achieved"].get<double>() / row["ceiling"].get<double>();
      EXPECT_NEAR(row["share"], share, 1e-9) << line;
      EXPECT_EQ(row["above_limit"], share > 1) << line;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<std::string> names_of(const std::vector<json>& rows) {
  std::vector<std::string> names;
  for (const auto& row : rows) names.push_back(row["name"]);
  return names;
}

std::vector<json> bench(const std::string& area) {
  const ScratchFolder scratch;
  return rows_of(run_alone({"bench", area, "--config", scratch.write("tiny.yaml", kTinyShape),
                            "--threads", "1", "--prompt-tokens", "16", "--decode-tokens", "6",
                            "--batch", "3", "--repeats", "2", "--json-lines"}));
}

TEST(Bench, CeilingsAsJsonLinesArePositive) {
  const auto outcome = run_alone({"bench", "ceilings", "--json-lines"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  std::istringstream lines(outcome.out);
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  const auto document = json::parse(line, nullptr, false);
  ASSERT_TRUE(document.is_object()) << line;
  const auto& header = document["header"];
  EXPECT_GT(header["threads"], 0);
  EXPECT_GT(header["read GB/s"], 0.0);
  EXPECT_GT(header["fp32 GFLOP/s"], 0.0);
  EXPECT_GE(header["bf16 GFLOP/s"], 0.0);  // 0 where the machine cannot multiply bf16
  EXPECT_FALSE(std::getline(lines, line)) << line;
}

TEST(Bench, KernelsAreMeasuredAtEverySizeAgainstALimit) {
  const auto rows = bench("kernels");
  ASSERT_EQ(rows.size(), 15U);
  EXPECT_THAT(names_of(rows),
              ::testing::IsSupersetOf({"kernel/gemm qkv/bf16/128x64 m=1",
                                       "kernel/gemm expert up/bf16/32x64 m=16",
                                       "kernel/gemm expert down/bf16/64x32 m=256"}));
  for (const auto& row : rows) {
    const bool few = row["name"].get<std::string>().ends_with("m=1") ||
                     row["name"].get<std::string>().ends_with("m=4");
    EXPECT_EQ(row["unit"], few ? "GB/s" : "GFLOP/s");
    EXPECT_THAT(row["limit"], HasSubstr(few ? "read bandwidth" : " peak"));
    EXPECT_GT(row["achieved"], 0.0);
  }
}

TEST(Bench, ALayerIsMeasuredWholeAndByItsParts) {
  const auto rows = bench("moe");
  ASSERT_EQ(rows.size(), 24U);
  const std::string name = "moe layer/d64 E4 f32/16 tokens";
  EXPECT_THAT(names_of(rows),
              ::testing::IsSupersetOf({name, name + ": gate+select+plan+combine", name + ": gate",
                                       name + ": select", name + ": plan and dispatch",
                                       name + ": group, combine"}));
  for (const auto& row : rows) {
    const bool whole = row["name"].get<std::string>().ends_with("tokens");
    EXPECT_EQ(row["unit"], whole ? "tokens/s" : "% of it");
    if (whole) {
      EXPECT_GT(row["achieved"], 0.0);
    } else {
      EXPECT_LE(row["achieved"], 100.0);
    }
  }
}

TEST(Bench, ExchangesOfRowsAndMessagesAreMeasured) {
  const auto rows = bench("exchange");
  ASSERT_EQ(rows.size(), 10U);  // two batches of two legs, six sizes of messages
  EXPECT_THAT(names_of(rows), ::testing::IsSupersetOf({"exchange/local/3 tokens, 3 rows a peer: "
                                                       "dispatch",
                                                       "exchange/local/64 B"}));
  for (const auto& row : rows) {
    EXPECT_EQ(row["unit"], "GB/s");
    EXPECT_GT(row["achieved"], 0.0);
    EXPECT_FALSE(row.contains("ceiling"));
  }
}

TEST(Bench, AModelsPrefillAndDecodesAreMeasured) {
  const auto rows = bench("model");
  EXPECT_THAT(names_of(rows), ::testing::ElementsAre("prefill/bf16/d64 E4 f32/16 tokens",
                                                     "decode/bf16/d64 E4 f32/1 sequence(s)",
                                                     "decode/bf16/d64 E4 f32/3 sequence(s)"));
  ASSERT_EQ(rows.size(), 3U);
  for (const auto& row : rows) {
    EXPECT_EQ(row["unit"], "tokens/s");
    EXPECT_GT(row["achieved"], 0.0);
  }
  EXPECT_EQ(rows[0]["count"], 2);
  EXPECT_EQ(rows[1]["count"], 5);  // the gaps between six tokens
  EXPECT_THAT(rows[0]["limit"], HasSubstr(" peak"));
  EXPECT_EQ(rows[1]["limit"], "read bandwidth");
}

// Not after seconds of measuring.
TEST(Bench, WithoutAModelNothingIsMeasuredOrPrinted) {
  for (const char* area : {"all", "kernels", "moe", "model"}) {
    const auto outcome = run_alone({"bench", area});
    EXPECT_NE(outcome.exit_code, 0) << area;
    EXPECT_EQ(outcome.out, "") << area;
    EXPECT_THAT(outcome.err, HasSubstr("no model: give a checkpoint directory")) << area;
  }
}

TEST(Bench, AnUnknownAreaIsUsage) { EXPECT_EQ(run_alone({"bench", "ceiling"}).exit_code, 2); }

}  // namespace
}  // namespace switchyard::tests
