// Sums and rates of what the ranks report: by link, by expert, by rank.
#include "runtime/control/load_totals.h"

#include <gtest/gtest.h>

namespace switchyard::control {
namespace {

LoadReport report_of(std::vector<std::uint64_t> bytes, std::vector<std::uint64_t> waits) {
  LoadReport report;
  report.seconds = 2;
  report.tokens = 10;
  report.bytes_by_peer = std::move(bytes);
  report.wait_us_by_peer = std::move(waits);
  report.round_trip_us_by_peer = {0, 150, 0};
  return report;
}

TEST(LoadTotals, LinksAddUpAndHaveTheNewestRate) {
  LoadTotals totals;
  totals.add(RankId(0), report_of({0, 1000, 0}, {0, 500'000, 0}));
  totals.add(RankId(0), report_of({0, 3000, 20}, {0, 1'000'000, 0}));
  const auto links = totals.links_json();
  ASSERT_EQ(links.size(), 2u);
  EXPECT_EQ(links[0]["from"], 0);
  EXPECT_EQ(links[0]["to"], 1);
  EXPECT_EQ(links[0]["bytes_total"], 4000);
  EXPECT_EQ(links[0]["bytes_per_second"], 1500);
  EXPECT_EQ(links[0]["round_trip_us_min"], 150);
  EXPECT_FALSE(links[1].contains("round_trip_us_min"));
  const auto waits = totals.waits_json();
  ASSERT_EQ(waits.size(), 1u);
  EXPECT_EQ(waits[0]["rank"], 0);
  EXPECT_EQ(waits[0]["peer"], 1);
  EXPECT_DOUBLE_EQ(waits[0]["wait_s_total"].get<double>(), 1.5);
  EXPECT_DOUBLE_EQ(waits[0]["wait_share"].get<double>(), 0.5);
}

TEST(LoadTotals, WhatIsNotInTheNewestReportHasNoRate) {
  LoadTotals totals;
  totals.add(RankId(0), report_of({0, 1000, 0}, {}));
  totals.add(RankId(1), report_of({500, 0, 0}, {}));
  totals.add(RankId(0), report_of({}, {}));
  const auto links = totals.links_json();
  EXPECT_EQ(links[0]["bytes_total"], 1000);
  EXPECT_EQ(links[0]["bytes_per_second"], 0);
  EXPECT_EQ(links[1]["bytes_per_second"], 250);  // another rank's
}

TEST(LoadTotals, RestrictedRowsAddUpOverRoutersAndNothingIsSaidToo) {
  LoadTotals totals;
  LoadReport report;
  report.restricted_rows = {{"eu", "eu-west", 5}, {"eu", "us", 0}};
  totals.add(RankId(0), report);
  report.restricted_rows = {{"eu", "eu-west", 2}, {"us", "us", 1}};
  totals.add(RankId(1), report);
  EXPECT_EQ(totals.restricted_json(),
            nlohmann::json({{{"origin", "eu"}, {"region", "eu-west"}, {"rows_total", 7}},
                            {{"origin", "eu"}, {"region", "us"}, {"rows_total", 0}},
                            {{"origin", "us"}, {"region", "us"}, {"rows_total", 1}}}));
}

TEST(LoadTotals, OriginsWithoutEndAreCountedAsOne) {
  LoadTotals totals;
  LoadReport report;
  for (std::size_t i = 0; i < LoadTotals::kRegionPairsMax + 10; ++i) {
    report.restricted_rows.push_back({std::to_string(i), "us", 1});
  }
  totals.add(RankId(0), report);
  const auto rows = totals.restricted_json();
  ASSERT_EQ(rows.size(), LoadTotals::kRegionPairsMax + 1);
  EXPECT_EQ(rows[0]["origin"], LoadTotals::kOthers);
  EXPECT_EQ(rows[0]["rows_total"], 10);
}

TEST(LoadTotals, KnowWhatTheProcessOfASlotHasReported) {
  LoadTotals totals;
  LoadReport report;
  report.tokens = 3;
  report.serve_seconds = 0.5;
  report.expert_pairs = {4, 0, 1, 1};
  report.bytes_by_peer = {0, 10, 20};
  report.restricted_rows = {{"eu", "eu", 7}, {"eu", "us", 0}};
  totals.add(RankId(1), report);
  totals.add(RankId(1), report);
  const LastLoads last = totals.last_of(RankId(1));
  EXPECT_EQ(last.tokens, 6U);
  EXPECT_EQ(last.pairs_served, 12U);
  EXPECT_DOUBLE_EQ(last.serve_seconds, 1);
  EXPECT_EQ(last.bytes_sent, 60U);
  ASSERT_EQ(last.restricted_rows.size(), 2U);
  EXPECT_EQ(last.restricted_rows[0].rows, 14U);
  EXPECT_EQ(totals.last_of(RankId(0)).tokens, 0U);
  totals.begin_life(RankId(1));
  EXPECT_EQ(totals.last_of(RankId(1)).tokens, 0U);
  EXPECT_EQ(totals.rank(RankId(1)).tokens, 6U) << "the sums of the slot go on";
}

TEST(LoadTotals, ExpertsAddUpOverRanksAndReports) {
  LoadTotals totals;
  LoadReport report;
  report.expert_pairs = {4, 0, 1, 1};
  totals.add(RankId(1), report);
  report.expert_pairs = {0, 2, 1, 1};
  totals.add(RankId(2), report);
  const auto experts = totals.experts_json(2, 2);
  EXPECT_EQ(experts["pairs_total"], 10);
  EXPECT_EQ(experts["expert_pairs"], nlohmann::json({{4, 2}, {2, 2}}));
  EXPECT_DOUBLE_EQ(experts["imbalance"][0].get<double>(), 4.0 / 3);
  EXPECT_DOUBLE_EQ(experts["imbalance"][1].get<double>(), 1.0);
  EXPECT_EQ(totals.rank(RankId(1)).pairs, 6u);
  EXPECT_EQ(totals.rank(RankId(7)).pairs, 0u);
  EXPECT_TRUE(LoadTotals().experts_json(2, 2)["expert_pairs"].empty());
}

}  // namespace
}  // namespace switchyard::control
