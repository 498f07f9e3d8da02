#include "launcher/bench/bench_rows.h"

#include <gtest/gtest.h>

namespace switchyard::launcher {
namespace {

TEST(Summarise, OfNothingIsEmpty) {
  const auto sample = summarise({});
  EXPECT_EQ(sample.count, 0U);
  EXPECT_EQ(sample.us_p50, 0);
}

TEST(Summarise, OfOneTimeIsThatTime) {
  const auto sample = summarise({7});
  EXPECT_EQ(sample.count, 1U);
  EXPECT_EQ(sample.us_min, 7);
  EXPECT_EQ(sample.us_p50, 7);
  EXPECT_EQ(sample.us_p99, 7);
  EXPECT_EQ(sample.us_mad, 0);
}

// The median of 1, 2, 3, 5, 100 is 3, whatever the order; the distances to it are 0, 1, 2, 2, 97.
TEST(Summarise, TakesMedianAndMedianDeviationOfUnsortedTimes) {
  const auto sample = summarise({100, 2, 5, 1, 3});
  EXPECT_EQ(sample.count, 5U);
  EXPECT_EQ(sample.us_min, 1);
  EXPECT_EQ(sample.us_p50, 3);
  EXPECT_EQ(sample.us_p99, 100);
  EXPECT_EQ(sample.us_mad, 2);
}

// The nearest rank: 99 of 100 times are no longer than the p99.
TEST(Summarise, TakesTheNinetyNinthOfAHundred) {
  std::vector<double> times;
  for (int i = 100; i >= 1; --i) times.push_back(i);
  const auto sample = summarise(times);
  EXPECT_EQ(sample.us_p50, 50);
  EXPECT_EQ(sample.us_p99, 99);
}

std::string printed(BenchRows::Format format, const BenchRow& row) {
  ::testing::internal::CaptureStdout();
  BenchRows(format).add(row);
  return ::testing::internal::GetCapturedStdout();
}

TEST(BenchRows, AShareAboveItsLimitIsMarked) {
  BenchRow row;
  row.name = "decode";
  row.ceiling = 100;
  row.limit = "read bandwidth";
  for (const double achieved : {100.0, 101.0}) {
    row.achieved = achieved;
    const bool above = achieved > row.ceiling;
    const auto line = nlohmann::json::parse(printed(BenchRows::Format::kJsonLines, row));
    EXPECT_EQ(line["above_limit"], above);
    const auto text = printed(BenchRows::Format::kText, row);
    EXPECT_EQ(text.find("disturbed ceiling") != std::string::npos, above) << text;
  }
  row.ceiling = 0;
  EXPECT_FALSE(
      nlohmann::json::parse(printed(BenchRows::Format::kJsonLines, row)).contains("share"));
}

}  // namespace
}  // namespace switchyard::launcher
