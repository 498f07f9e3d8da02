// What can be seen of a launched cluster: the trace of a run in which a rank is killed, requests
// followed through both logs by their trace id, metrics as documented, the live view of a terminal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "tests/command/exactness_rows.h"
#include "tests/command/trace_checks.h"
#include "tests/proc/http_get.h"
#include "tests/proc/launched_cluster.h"
#include "tests/proc/much_work.h"
#include "tests/unit/net/metrics_lint.h"

namespace switchyard::tests {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kGiven = "4bf92f3577b34da6a3ce929d0e0e4736";

// The prompts of the file, the first with a traceparent.
std::string traced_prompts(const ScratchFolder& scratch) {
  std::istringstream in(read_file(exactness_prompts(scratch)));
  std::string out;
  for (std::string line; std::getline(in, line);) {
    auto prompt = json::parse(line);
    if (out.empty()) prompt["traceparent"] = std::string("00-") + kGiven + "-00f067aa0ba902b7-01";
    out += prompt.dump() + "\n";
  }
  return scratch.write("traced.jsonl", out);
}

// The objects of a log, whatever else stands between them.
std::vector<json> json_lines(const std::string& log) {
  std::vector<json> lines;
  std::istringstream in(log);
  for (std::string line; std::getline(in, line);) {
    auto object = json::parse(line, nullptr, false);
    if (object.is_object()) lines.push_back(std::move(object));
  }
  return lines;
}

std::set<std::string> events_of(const std::vector<json>& lines, const std::string& trace_id) {
  std::set<std::string> events;
  for (const auto& line : lines) {
    if (line.value("trace_id", "") == trace_id) events.insert(line["event"]);
  }
  return events;
}

auto serving(std::uint64_t steps) {
  return [steps](const json& status) {
    return status["view"].is_object() &&
           status["ranks"][0].value("steps", std::uint64_t{0}) >= steps;
  };
}

TEST(Observe, TheTraceOfAnUndisturbedRunIsWhole) {
  const ScratchFolder scratch;
  const auto file = scratch.path("trace.json");
  LaunchedCluster cluster(
      {"-n", "3", "--set", "log.trace_spans=60000"},
      exactness_run(exactness_prompts(scratch), {"--max-tokens", "12", "--trace-out", file}));
  const auto outcome = cluster.finish();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err << cluster.log("ranks.log");
  const auto trace = json::parse(read_file(file), nullptr, false);
  ASSERT_TRUE(trace.is_object());
  expect_spans_nest(trace);
  expect_exchanges_are_whole(trace);
  expect_counts_match(trace, outcome.json()["report"]);
  EXPECT_FALSE(events_named(trace, "view_committed", "i").empty());
  EXPECT_FALSE(events_named(trace, "view", "i").empty());
}

TEST(Observe, ADeathIsInTheTraceAndARequestInBothLogs) {
  const ScratchFolder scratch;
  const auto file = scratch.path("trace.json");
  LaunchedCluster cluster(
      {"-n", "4", "--replicas", "2", "--log-format", "json", "--log-level", "info"},
      exactness_run(traced_prompts(scratch), {"--max-tokens", "256", "--trace-out", file}));
  const auto status = cluster.await(serving(100));
  ASSERT_TRUE(status) << "the run was over before the kill";
  LaunchedCluster::send_signal(*status, 2, SIGKILL);
  const auto outcome = cluster.finish();
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err << cluster.log("ranks.log");

  const auto trace = json::parse(read_file(file), nullptr, false);
  ASSERT_TRUE(trace.is_object());
  expect_spans_nest(trace);
  const auto deaths = events_named(trace, "rank_dead", "i");
  ASSERT_EQ(deaths.size(), 1u);
  EXPECT_THAT(deaths[0]["args"]["text"].get<std::string>(), HasSubstr("rank 2"));
  // The view after the death, as the controller says it and as the ranks act on it.
  EXPECT_GE(events_named(trace, "view_committed", "i").size(), 2u);
  std::set<int> epochs;
  for (const auto& view : events_named(trace, "view", "i")) {
    if (view["pid"] == 0) epochs.insert(view["args"]["epoch"].get<int>());
  }
  EXPECT_GE(epochs.size(), 2u);

  const auto document = outcome.json();
  const auto ids = document["report"]["trace_ids"];
  EXPECT_EQ(ids.size(), document["sequences"].size());
  EXPECT_EQ(ids["p0"], kGiven);
  EXPECT_EQ(document["sequences"][0]["trace_id"], kGiven);
  EXPECT_FALSE(document["sequences"][1].contains("trace_id"));
  std::set<std::string> shown;
  for (const auto& request : events_named(trace, "request", "b")) {
    shown.insert(request["args"]["trace_id"]);
  }
  const auto by_controller = json_lines(cluster.log("controller.log"));
  const auto by_ranks = json_lines(cluster.log("ranks.log"));
  for (const auto& [id, trace_id] : ids.items()) {
    EXPECT_TRUE(shown.contains(trace_id)) << id;
    EXPECT_THAT(events_of(by_controller, trace_id),
                ::testing::IsSupersetOf({"request_assigned", "request_done"}))
        << id;
    EXPECT_THAT(events_of(by_ranks, trace_id),
                ::testing::IsSupersetOf({"request_accepted", "request_finished"}))
        << id;
  }
  for (const auto& line : by_ranks) {
    EXPECT_TRUE(line.contains("rank") && line.contains("event") && line.contains("ts")) << line;
  }
}

TEST(Observe, MetricsAreThoseOfTheTableAndKeepTheConventions) {
  const ScratchFolder scratch;
  LaunchedCluster cluster({"-n", "4", "--spares", "1"}, much_work(scratch));
  // Loads have been reported.
  const auto status = cluster.await([](const json& now) {
    return now["links"].size() >= 2 && now["wait_matrix"].size() >= 1 &&
           now["loads"].value("pairs_total", 0) > 0;
  });
  ASSERT_TRUE(status);
  const auto admin = json::parse(cluster.log("run.json"), nullptr, false).value("admin", "");
  const auto text = http_get(admin, "/metrics");
  const auto page = json::parse(http_get(admin, "/v1/cluster", bearer(cluster.log("admin-token"))),
                                nullptr, false);
  (void)cluster.command({"status"});
  const auto shown = cluster.command({"status"});
  EXPECT_THAT(metric_problems(text, 64), IsEmpty());
  const auto documented = documented_metrics(read_file(source_path("docs/OPERATIONS.md")));
  const auto live = read_metrics(text);
  EXPECT_GT(live.size(), 25u);
  for (const auto& [name, family] : live) {
    const auto row = documented.find(name);
    ASSERT_NE(row, documented.end()) << name;
    EXPECT_EQ(family.type, row->second.type) << name;
    EXPECT_EQ(family.labels, row->second.labels) << name;
  }
  for (const char* key : {"cluster", "view", "ranks", "requests", "loads", "links", "wait_matrix",
                          "scaling", "parts", "events"}) {
    EXPECT_TRUE(page.contains(key)) << key;
  }
  EXPECT_EQ(page["loads"]["expert_pairs"].size(), page["loads"]["layers"]);
  EXPECT_THAT(shown.out, HasSubstr("router"));
  EXPECT_THAT(shown.out, HasSubstr("view_committed"));
  EXPECT_EQ(cluster.finish().exit_code, 0);
}

// An exchange that takes a millisecond counts as a failure here, so that breakers open.
TEST(Observe, ABreakerThatOpensIsAnEventOfItsRankEverywhere) {
  const ScratchFolder scratch;
  LaunchedCluster cluster({"-n", "4", "--replicas", "2", "--log-format", "json", "--set",
                           "cluster.breaker_timeout_ms=1", "--set", "cluster.breaker_failures=1"},
                          much_work(scratch));
  const auto opened = cluster.await([](const json& now) {
    return std::ranges::any_of(now["breakers"],
                               [](const json& each) { return each["state"] == "open"; });
  });
  ASSERT_TRUE(opened) << cluster.log("controller.log");
  EXPECT_EQ((*opened)["breakers"][0]["rank"], 0);
  const auto admin = json::parse(cluster.log("run.json"), nullptr, false).value("admin", "");
  EXPECT_THAT(http_get(admin, "/metrics"), HasSubstr("switchyard_breaker_state{"));
  const auto outcome = cluster.finish();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const char* log : {"controller.log", "ranks.log"}) {
    const auto lines = json_lines(cluster.log(log));
    const auto line = std::ranges::find_if(
        lines, [](const json& each) { return each.value("event", "") == "breaker_opened"; });
    ASSERT_NE(line, lines.end()) << log;
    EXPECT_EQ((*line)["rank"], 0) << log;
    EXPECT_EQ((*line)["level"], "warning") << log;
  }
}

TEST(Observe, TheLiveViewIsRedrawnInPlaceOnATerminalAndALineEachElsewhere) {
  const ScratchFolder scratch;
  const auto prompts = exactness_prompts(scratch);
  const auto line = [&](const std::string& log) {
    return quoted(binary_path()) + " launch -n 3 generate --preset demo --prompts " +
           quoted(prompts) + " --max-tokens 200 --out " + quoted(scratch.path(log + ".out"));
  };
  const auto plain = run_shell(line("plain"));
  ASSERT_EQ(plain.exit_code, 0) << plain.err;
  EXPECT_THAT(plain.err, HasSubstr("rank 0 life 1"));
  EXPECT_THAT(plain.err, HasSubstr("of 16 requests done"));
  EXPECT_EQ(plain.err.find('\x1b'), std::string::npos);
  if (run_shell("command -v script").exit_code != 0) GTEST_SKIP() << "no program `script`";
  const auto terminal = run_shell("script -qec " + quoted(line("terminal")) + " /dev/null");
  ASSERT_EQ(terminal.exit_code, 0) << terminal.out;
  EXPECT_THAT(terminal.out, HasSubstr("\x1b[J"));
  EXPECT_THAT(terminal.out, HasSubstr("health"));
  EXPECT_EQ(read_file(scratch.path("terminal.out")), read_file(scratch.path("plain.out")));
}

}  // namespace
}  // namespace switchyard::tests
