// --trace-out over processes: rank 0 writes what all ranks noted, on one clock.
#include <gtest/gtest.h>

#include "tests/command/exactness_rows.h"
#include "tests/command/trace_checks.h"

namespace switchyard::tests {
namespace {

TEST(TraceOutOverMpi, SaysWhatTheReportSays) {
  const ScratchFolder scratch;
  const auto file = scratch.path("trace.json");
  const auto outcome =
      run_under_mpi(4, exactness_run(exactness_prompts(scratch),
                                     {"--routers", "2", "--max-tokens", "6", "--trace-out", file}));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto trace = nlohmann::json::parse(read_file(file), nullptr, false);
  ASSERT_TRUE(trace.is_object());
  expect_spans_nest(trace);
  expect_exchanges_are_whole(trace);
  expect_counts_match(trace, outcome.json()["report"]);
  for (const auto& rank : trace["otherData"]["ranks"]) {
    EXPECT_EQ(rank["clock"], rank["rank"] == 0 ? "reference" : "same-clock");
  }
}

}  // namespace
}  // namespace switchyard::tests
