#include "launcher/run_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace switchyard::launcher {
namespace {

model::ModelConfig two_layers() {
  model::ModelConfig model;
  model.layers = 2;
  model.moe_layer.assign(2, true);
  model.hidden = 8;
  model.vocab = 16;
  model.experts = 4;
  model.experts_per_token = 2;
  model.expert_inner = 8;
  return model;
}

// Where every router was killed, nobody has brought statistics: the closing report still comes, so
// that the error after it does too.
TEST(RunReport, OfARunThatLeftNoStatisticsIsWritten) {
  const RunReport report;
  EXPECT_THAT(report_text(report, two_layers()), ::testing::HasSubstr("expert load"));
  const auto document = report_json(report, two_layers());
  EXPECT_EQ(document["layers"].size(), 0U);
  EXPECT_EQ(document["mean_experts"], 0);
}

TEST(RunReport, HasOneEntryForEachLayerOfTheStatistics) {
  RunReport report;
  report.result.stats = routing::RoutingStats({2, 4, 2, {}});
  EXPECT_EQ(report_json(report, two_layers())["layers"].size(), 2U);
}

TEST(RunReport, HasLossesOfTheGateOnlyWhereItWasCounted) {
  RunReport report;
  report.result.stats = routing::RoutingStats({2, 4, 2, routing::Scoring::kSoftmax});
  const auto without = report_json(report, two_layers());
  EXPECT_FALSE(without.contains("routing_entropy"));
  EXPECT_FALSE(without["layers"][0].contains("balance_loss"));
  const std::vector<float> logits{100, 0, 0, 0};  // a gate of no entropy was measured all the same
  for (std::size_t layer = 0; layer < 2; ++layer) {
    report.result.stats.add_gate(layer, MatrixView<const float>(logits.data(), 1, 4));
  }
  const auto with = report_json(report, two_layers());
  EXPECT_TRUE(with.contains("routing_entropy"));
  EXPECT_NEAR(with["layers"][1]["z_loss"].get<double>(), 10000, 1e-3);
  EXPECT_THAT(report_text(report, two_layers()), ::testing::HasSubstr(", z 10000.0000"));
}

TEST(RunReport, ShowsNoZLossOfASigmoidGate) {
  RunReport report;
  report.result.stats = routing::RoutingStats({2, 4, 2, routing::Scoring::kSigmoid});
  const std::vector<float> logits{1, 0, 0, 0};
  report.result.stats.add_gate(0, MatrixView<const float>(logits.data(), 1, 4));
  const auto document = report_json(report, two_layers());
  EXPECT_TRUE(document["layers"][0].contains("balance_loss"));
  EXPECT_FALSE(document["layers"][0].contains("z_loss"));
  const auto text = report_text(report, two_layers());
  EXPECT_THAT(text, ::testing::HasSubstr("load balancing"));
  EXPECT_THAT(text, ::testing::Not(::testing::HasSubstr(", z ")));
}

// A router that died has said no goodbye: what it had reported is in the sums, which say so.
TEST(RunReport, CountsWhatIsKnownOfRanksThatLeftOrDied) {
  RunReport report;
  report.result.stats = routing::RoutingStats({2, 4, 2, {}});
  auto& ranks = report.cluster.ranks;
  ranks.resize(3);
  for (std::uint32_t r = 0; r < 3; ++r) ranks[r].rank = RankId(r);
  ranks[0].router = true;
  ranks[0].counters.restricted_rows.add({"eu", "eu", 5});
  ranks[0].counters.bytes_sent = {0, 100, 0};
  ranks[1].counters.pairs_served = 7;  // drained
  auto document = report_json(report, two_layers());
  EXPECT_EQ(document["at_least"], false);
  EXPECT_EQ(document["ranks"][0]["standing"], "member");
  EXPECT_EQ(document["ranks"][1]["standing"], "left");
  EXPECT_EQ(document["ranks"][2]["standing"], "spare");
  EXPECT_TRUE(document["died"].empty());

  control::LastLoads last;
  last.life = control::Incarnation(1);
  last.router = true;
  last.tokens = 11;
  last.bytes_sent = 50;
  last.restricted_rows = {{"eu", "eu", 3}, {"us", "us", 2}};
  report.cluster.died.push_back({RankId(3), last});
  document = report_json(report, two_layers());
  EXPECT_EQ(document["at_least"], true);
  EXPECT_EQ(document["bytes_sent"], 150);
  EXPECT_EQ(document["restricted_rows"],
            nlohmann::json({{{"origin", "eu"}, {"region", "eu"}, {"rows", 8}},
                            {{"origin", "eu"}, {"region", "us"}, {"rows", 0}},
                            {{"origin", "us"}, {"region", "eu"}, {"rows", 0}},
                            {{"origin", "us"}, {"region", "us"}, {"rows", 2}}}));
  ASSERT_EQ(document["died"].size(), 1U);
  EXPECT_EQ(document["died"][0]["standing"], "died");
  EXPECT_EQ(document["died"][0]["tokens_at_least"], 11);
  const auto text = report_text(report, two_layers());
  EXPECT_THAT(text, ::testing::HasSubstr("by origin and region, at least: eu -> eu 8"));
  EXPECT_THAT(text, ::testing::HasSubstr("rank 3   died           as router; at least"));
  EXPECT_THAT(text, ::testing::HasSubstr("rank 1   left"));
}

// Every command ends with an error then.
TEST(RunReport, OfARunThatLostPairsIsAnError) {
  engine::ClusterReport report;
  report.ranks.resize(2);
  report.ranks[0].counters.pairs_dispatched = 8;
  report.ranks[0].counters.pairs_answered = 8;
  report.ranks[1].counters.pairs_received = 8;
  report.ranks[1].counters.pairs_served = 8;
  EXPECT_TRUE(check_conserved(report).has_value());
  report.ranks[0].counters.pairs_answered = 7;
  const auto lost = check_conserved(report);
  ASSERT_FALSE(lost.has_value());
  EXPECT_EQ(lost.error().code, ErrorCode::kInternal);
  EXPECT_EQ(lost.error().message, "pairs were lost: 8 dispatched, 8 served, 7 answered");
}

}  // namespace
}  // namespace switchyard::launcher
