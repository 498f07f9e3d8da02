// launcher/timeline/trace_export.h -- turns what the ranks noted in their timelines into a trace
// file for --trace-out: a process row for each rank; steps, layers, waits and batches on its engine
// row; a row for each micro-batch with its exchanges, for each peer's share of them, and for each
// router's dispatches on an expert rank; arrows from a share to the job that serves it; requests
// with their trace ids; under `launch` also the cluster's own events.
// Thread: any one.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/engine/cluster_report.h"

namespace switchyard::launcher {

// Something that happened to the cluster, by the steady clock of this process.
struct ClusterMoment {
  TimePoint at;
  std::string kind;  // a stable word
  std::string text;
};

struct TraceSummary {
  std::size_t events = 0;
  std::size_t ranks = 0;  // that had a timeline
  std::uint64_t spans = 0;
  std::uint64_t dropped = 0;  // that did not fit into the rings
};

// Errors: kIo naming the path.
[[nodiscard]] Result<TraceSummary> write_trace(const std::string& path,
                                               const engine::ClusterReport& report,
                                               std::span<const ClusterMoment> moments);

// One line for people: "trace FILE: 1234 spans of 4 ranks, none dropped".
[[nodiscard]] std::string summary_text(const std::string& path, const TraceSummary& summary);

}  // namespace switchyard::launcher
