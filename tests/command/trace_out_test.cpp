// --trace-out over threads: the file parses, its spans nest, its numbers are those of the report.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/command/exactness_rows.h"
#include "tests/command/trace_checks.h"

namespace switchyard::tests {
namespace {

using ::testing::HasSubstr;

struct Layout {
  const char* name;
  Arguments arguments;
};

class TraceOut : public ::testing::TestWithParam<Layout> {};

TEST_P(TraceOut, SaysWhatTheReportSaysAndChangesNothing) {
  const ScratchFolder scratch;
  const auto prompts = exactness_prompts(scratch);
  auto arguments = GetParam().arguments;
  arguments.insert(arguments.end(), {"--max-tokens", "6"});
  const auto plain = run_alone(exactness_run(prompts, arguments));
  ASSERT_EQ(plain.exit_code, 0) << plain.err;
  const auto file = scratch.path("trace.json");
  arguments.insert(arguments.end(), {"--trace-out", file});
  const auto traced = run_alone(exactness_run(prompts, arguments));
  ASSERT_EQ(traced.exit_code, 0) << traced.err;
  const auto document = traced.json();
  EXPECT_EQ(document["sequences"], plain.json()["sequences"]);

  const auto trace = nlohmann::json::parse(read_file(file), nullptr, false);
  ASSERT_TRUE(trace.is_object()) << traced.command;
  expect_spans_nest(trace);
  expect_exchanges_are_whole(trace);
  expect_counts_match(trace, document["report"]);
  EXPECT_EQ(events_named(trace, "request", "b").size(), document["sequences"].size());
  EXPECT_EQ(events_named(trace, "request", "e").size(), document["sequences"].size());
  for (const auto& rank : trace["otherData"]["ranks"]) {
    EXPECT_EQ(rank["spans_dropped"], 0);
    EXPECT_EQ(rank["clock"], rank["rank"] == 0 ? "reference" : "same-clock");
  }
}

INSTANTIATE_TEST_SUITE_P(
    Layouts, TraceOut,
    ::testing::Values(Layout{"OneRank", {}}, Layout{"FourRanks", {"--ranks", "4"}},
                      Layout{"TwoRouters", {"--ranks", "4", "--routers", "2", "--replicas", "2"}},
                      Layout{"TwoMicroBatches", {"--ranks", "3", "--micro-batches", "2"}},
                      Layout{"Together", {"--ranks", "2", "--routers", "2", "--colocate"}}),
    [](const auto& layout) { return std::string(layout.param.name); });

TEST(TraceOut, OfAnEvalIsWhole) {
  const ScratchFolder scratch;
  const auto text =
      scratch.write("text.txt", read_file(source_path("configs/texts/dev.txt")).substr(0, 4000));
  const auto file = scratch.path("trace.json");
  const auto outcome = run_alone({"eval", "--preset", "demo", "--text", text, "--json", "--quiet",
                                  "--ranks", "2", "--trace-out", file});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto trace = nlohmann::json::parse(read_file(file), nullptr, false);
  ASSERT_TRUE(trace.is_object());
  expect_spans_nest(trace);
  expect_exchanges_are_whole(trace);
  expect_counts_match(trace, outcome.json()["report"]);
}

TEST(TraceOut, WhatDoesNotFitIsCounted) {
  const ScratchFolder scratch;
  const auto file = scratch.path("trace.json");
  const auto outcome =
      run_alone({"generate", "--preset", "demo", "--prompt", "Once", "--json", "--ranks", "2",
                 "--max-tokens", "8", "--set", "log.trace_spans=50", "--trace-out", file});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto trace = nlohmann::json::parse(read_file(file), nullptr, false);
  ASSERT_TRUE(trace.is_object());
  expect_spans_nest(trace);
  for (const auto& rank : trace["otherData"]["ranks"]) {
    EXPECT_EQ(rank["spans"], 50);
    EXPECT_GT(rank["spans_dropped"], 0);
  }
  EXPECT_THAT(outcome.err, HasSubstr(": 100 spans of 2 rank(s), "));
  EXPECT_THAT(outcome.err, HasSubstr("see log.trace_spans"));
}

TEST(TraceOut, AnImpossibleFileIsSaidBeforeTheWork) {
  const ScratchFolder scratch;
  const auto file = scratch.path("nowhere") + "/trace.json";
  const auto outcome = run_alone({"generate", "--preset", "demo", "--prompt", "Once", "--ranks",
                                  "2", "--max-tokens", "1", "--trace-out", file});
  EXPECT_EQ(outcome.exit_code, 6) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr(file));
  EXPECT_EQ(outcome.out, "");
}

}  // namespace
}  // namespace switchyard::tests
