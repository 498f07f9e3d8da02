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

}  // namespace
}  // namespace switchyard::launcher
