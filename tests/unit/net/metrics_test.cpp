// What /metrics says of a status: conventions kept, sums that only grow, nothing of single experts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "runtime/net/server_metrics.h"
#include "tests/unit/net/metrics_lint.h"

namespace switchyard::net {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

json status_of(std::uint64_t bytes) {
  json ranks = json::array();
  for (int i = 0; i < 3; ++i) {
    ranks.push_back({{"health", i == 2 ? "suspect" : "healthy"},
                     {"heartbeat_age_s", 0.1},
                     {"busy_share", 0.5},
                     {"cpu_cores", 1.5},
                     {"queue_delay_s_p95", 0.001},
                     {"step_s_p50", 0.002},
                     {"rss_bytes", 1000},
                     {"open_requests", 4},
                     {"tokens_per_s", 10.5},
                     {"tokens_total", 100 + bytes},
                     {"pairs_served_total", 200}});
  }
  return {
      {"view",
       {{"epoch", 7},
        {"experts_masked", 0},
        {"experts_under_replicated", 3},
        {"members",
         {{{"router", true}, {"expert", false}}, {{"router", false}, {"expert", true}}}}}},
      {"transaction", nullptr},
      {"ranks", ranks},
      {"requests",
       {{"submitted", 8},
        {"open", 5},
        {"waiting", 1},
        {"retrying", 1},
        {"retries", 4},
        {"retry_tokens", 2.5},
        {"done", 3}}},
      {"breakers",
       {{{"rank", 0}, {"peer", 1}, {"state", "open"}},
        {{"rank", 0}, {"peer", 2}, {"state", "probing"}},
        {{"rank", 1}, {"peer", 2}, {"state", "closed"}}}},
      {"scaling", {{"current_experts", 1}, {"target_experts", 1}, {"desired_experts", 2}}},
      {"parts",
       {{"autoscaler", {{"action_in_flight", true}}}, {"detector", {{"last_run_age_s", 0.02}}}}},
      {"loads",
       {{"imbalance", {1.5, 2.5, 1.0}},
        {"imbalance_of_late", 1.25},
        {"expert_pairs", {{1, 2}, {3, 4}, {5, 6}}}}},
      {"links", {{{"from", 0}, {"to", 1}, {"bytes_total", bytes}}}},
      {"restricted_rows",
       {{{"origin", "eu"}, {"region", "eu"}, {"rows_total", 9}},
        {{"origin", "eu"}, {"region", "us"}, {"rows_total", 0}}}},
      {"wait_matrix", {{{"rank", 0}, {"peer", 1}, {"wait_s_total", 1.25}}}}};
}

TEST(Metrics, KeepTheConventions) {
  ServerMetrics metrics;
  metrics.update_cluster(status_of(1000).dump());
  metrics.received("heartbeat").Increment();
  metrics.sent("welcome").Increment();
  metrics.events("rank_joined").Increment();
  metrics.http_requests("/metrics", 200).Increment();
  metrics.journal(5, 1, true);
  EXPECT_THAT(tests::metric_problems(metrics.text(), 64), IsEmpty()) << metrics.text();
}

TEST(Metrics, SayWhatTheStatusSays) {
  ServerMetrics metrics;
  metrics.update_cluster(status_of(1000).dump());
  const auto text = metrics.text();
  for (const char* line : {
           "switchyard_view_epoch 7\n",
           "switchyard_view_members{role=\"expert\"} 1\n",
           "switchyard_ranks{health=\"healthy\"} 2\n",
           "switchyard_ranks{health=\"suspect\"} 1\n",
           "switchyard_ranks{health=\"dead\"} 0\n",
           "switchyard_requests{state=\"open\"} 5\n",
           "switchyard_requests_submitted_total 8\n",
           "switchyard_expert_ranks_current 1\n",
           "switchyard_expert_ranks_desired 2\n",
           "switchyard_autoscaler_action_in_progress 1\n",
           "switchyard_expert_load_imbalance_ratio 1.25\n",
           "switchyard_requests{state=\"retrying\"} 1\n",
           "switchyard_request_retries_total 4\n",
           "switchyard_retry_budget_tokens 2.5\n",
           "switchyard_breaker_state{peer=\"1\",rank=\"0\"} 2\n",
           "switchyard_breaker_state{peer=\"2\",rank=\"0\"} 1\n",
           "switchyard_breaker_state{peer=\"2\",rank=\"1\"} 0\n",
           "switchyard_link_wait_seconds_total{peer=\"1\",rank=\"0\"} 1.25\n",
           "switchyard_link_sent_bytes_total{peer=\"1\",rank=\"0\"} 1000\n",
           "switchyard_restricted_rows_total{origin=\"eu\",region=\"eu\"} 9\n",
           "switchyard_restricted_rows_total{origin=\"eu\",region=\"us\"} 0\n",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("expert=")));
}

TEST(Metrics, AnImbalanceThatIsNotKnownIsNotShown) {
  ServerMetrics metrics;
  json status = status_of(1000);
  metrics.update_cluster(status.dump());
  EXPECT_THAT(metrics.text(), HasSubstr("switchyard_expert_load_imbalance_ratio 1.25\n"));
  status["loads"]["imbalance_of_late"] = nullptr;
  metrics.update_cluster(status.dump());
  EXPECT_THAT(metrics.text(), Not(HasSubstr("\nswitchyard_expert_load_imbalance_ratio")));
}

// Else rate() over a counter that appears with its first event misses that one.
TEST(Metrics, EveryKindOfEventIsThereFromTheStart) {
  ServerMetrics metrics;
  for (const char* kind : {"rank_dead", "tokens_differ", "breaker_opened", "request_failed"}) {
    EXPECT_THAT(metrics.text(),
                HasSubstr(fmt::format("switchyard_events_total{{kind=\"{}\"}} 0\n", kind)));
  }
}

TEST(Metrics, CompactionsAreACounter) {
  ServerMetrics metrics;
  metrics.journal(5, 2, true);
  metrics.journal(5, 3, true);
  EXPECT_THAT(metrics.text(), HasSubstr("# TYPE switchyard_journal_compactions_total counter\n"));
  EXPECT_THAT(metrics.text(), HasSubstr("\nswitchyard_journal_compactions_total 3\n"));
}

TEST(Metrics, SumsNeverGoBack) {
  ServerMetrics metrics;
  for (const std::uint64_t bytes : {1000u, 1500u, 200u, 1600u}) {
    metrics.update_cluster(status_of(bytes).dump());
    const auto shown = tests::read_metrics(metrics.text());
    EXPECT_EQ(shown.at("switchyard_link_sent_bytes_total").series, 1u);
    const char* highest = bytes == 1000u ? "1000" : bytes == 1600u ? "1600" : "1500";
    EXPECT_THAT(metrics.text(),
                HasSubstr(std::string("switchyard_link_sent_bytes_total{peer=\"1\",rank=\"0\"} ") +
                          highest + "\n"));
  }
}

TEST(Metrics, AStatusThatSaysNothingBreaksNothing) {
  ServerMetrics metrics;
  for (const char* status :
       {"", "{", "null", "[]", "5", "{}", R"({"ranks": 5, "links": 7})",
        R"({"ranks": [null, 3], "links": [1], "loads": {"imbalance": "x"}})"}) {
    metrics.update_cluster(status);
    EXPECT_THAT(tests::metric_problems(metrics.text(), 64), IsEmpty()) << status;
  }
}

// The lint is worth what it finds.
TEST(MetricsLint, FindsWhatIsWrong) {
  const std::string good =
      "# HELP switchyard_a_seconds A.\n# TYPE switchyard_a_seconds gauge\nswitchyard_a_seconds 1\n";
  EXPECT_THAT(tests::metric_problems(good, 2), IsEmpty());
  for (const char* bad : {
           "switchyard_a 1\n",
           "# HELP switchyard_a A.\nswitchyard_a 1\n",
           "# HELP switchyard_a A.\n# HELP switchyard_a A.\n# TYPE switchyard_a "
           "gauge\nswitchyard_a 1\n",
           "# HELP switchyard_a A.\n# TYPE switchyard_a counter\nswitchyard_a 1\n",
           "# HELP switchyard_a_total A.\n# TYPE switchyard_a_total gauge\nswitchyard_a_total 1\n",
           "# HELP switchyard_a_ms A.\n# TYPE switchyard_a_ms gauge\nswitchyard_a_ms 1\n",
           "# HELP switchyard_seconds_a A.\n# TYPE switchyard_seconds_a "
           "gauge\nswitchyard_seconds_a 1\n",
           "# HELP other_a A.\n# TYPE other_a gauge\nother_a 1\n",
           "# HELP switchyard_a A.\n# TYPE switchyard_a gauge\nswitchyard_a 1\nswitchyard_a 2\n",
           "# HELP switchyard_a A.\n# TYPE switchyard_a gauge\nswitchyard_a{e=\"1\"} 1\n"
           "switchyard_a{e=\"2\"} 1\nswitchyard_a{e=\"3\"} 1\n",
           "# HELP switchyard_a A.\n# TYPE switchyard_a gauge\n",
           "what is this\n",
       }) {
    EXPECT_THAT(tests::metric_problems(bad, 2), Not(IsEmpty())) << bad;
  }
}

}  // namespace
}  // namespace switchyard::net
