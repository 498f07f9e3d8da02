#include "launcher/cluster_text.h"

#include <gmock/gmock.h>

namespace switchyard::launcher {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

std::string first_line(const std::vector<std::pair<std::string, std::string>>& ranks) {
  json status = {{"cluster", {{"phase", "serving"}, {"slots", ranks.size()}}},
                 {"view", {{"epoch", 7}, {"members", json::array()}}},
                 {"ranks", json::array()}};
  for (const auto& [state, health] : ranks) {
    status["ranks"].push_back({{"state", state}, {"health", health}});
  }
  return summary_lines(status).front();
}

// Serving, and no rank has reported its load yet: nobody is unhealthy.
TEST(ClusterText, SaysOfRanksThatHaveNotReportedThatTheyAreUnknown) {
  EXPECT_EQ(first_line({{"live", "unknown"}, {"live", "unknown"}}),
            "cluster   serving, epoch 7; 2 of 2 ranks live: 2 unknown; 0 routers, 0 expert ranks");
}

TEST(ClusterText, CountsTheRanksThatAreThereByTheirHealth) {
  EXPECT_THAT(first_line({{"live", "suspect"},
                          {"live", "healthy"},
                          {"live", "healthy"},
                          {"dead", "dead"},
                          {"lost", "suspect"}}),
              HasSubstr("; 3 of 5 ranks live: 2 healthy, 1 suspect; "));
  EXPECT_THAT(first_line({{"empty", "starting"}}), HasSubstr("; 0 of 1 ranks live; "));
}

TEST(ClusterText, ShowsWhatAStatusLeavesOutAsADash) {
  EXPECT_THAT(summary_lines(json::object()).front(), HasSubstr("epoch -; 0 of - ranks live; "));
}

}  // namespace
}  // namespace switchyard::launcher
