// tests/command/trace_checks.h -- what must hold of every file that --trace-out writes, beside the
// report of the same run: shared by the tests over threads, over MPI and of launched clusters.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace switchyard::tests {

// The events with that name and phase.
[[nodiscard]] std::vector<nlohmann::json> events_named(const nlohmann::json& trace,
                                                       const std::string& name,
                                                       const std::string& phase = "X");

// On each row a span lies within another or beside it.
void expect_spans_nest(const nlohmann::json& trace);

// Every exchange has its peers, each with a share of it, and each share that was answered has a job
// on the rank that served it, within the share's time. Nothing may have been dropped.
void expect_exchanges_are_whole(const nlohmann::json& trace);

// The spans are as many as the counters of the report's ranks say, and carry as many pairs.
void expect_counts_match(const nlohmann::json& trace, const nlohmann::json& report);

}  // namespace switchyard::tests
