#include "launcher/timeline/trace_export.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "launcher/timeline/rank_rows.h"
#include "launcher/timeline/trace_file.h"
#include "runtime/engine/clock_alignment.h"

namespace switchyard::launcher {
namespace {

constexpr std::uint64_t kClusterProcess = 1'000'000;  // above every rank

std::int64_t ns_of(TimePoint at) { return at.time_since_epoch().count(); }

// The earliest time of all, on the clock of the reference.
std::int64_t first_ns(const engine::ClusterReport& report,
                      std::span<const engine::ClockOffset> offsets,
                      std::span<const ClusterMoment> moments, const engine::ClockOffset& own) {
  std::int64_t first = std::numeric_limits<std::int64_t>::max();
  for (std::size_t i = 0; i < report.ranks.size(); ++i) {
    if (!report.ranks[i].timeline) continue;
    for (const Span& span : report.ranks[i].timeline->spans) {
      first = std::min(first, span.begin_ns + offsets[i].offset_ns);
    }
  }
  for (const auto& moment : moments) first = std::min(first, ns_of(moment.at) + own.offset_ns);
  return first == std::numeric_limits<std::int64_t>::max() ? 0 : first;
}

nlohmann::json facts_of(const engine::ClusterReport& report,
                        std::span<const engine::ClockOffset> offsets, std::int64_t first) {
  nlohmann::json ranks = nlohmann::json::array();
  std::int64_t wall_ns = 0;
  for (std::size_t i = 0; i < report.ranks.size(); ++i) {
    const auto& rank = report.ranks[i];
    if (!rank.timeline) continue;
    const auto& clock = rank.timeline->clock;
    if (wall_ns == 0) wall_ns = first - offsets[i].offset_ns - clock.steady_ns + clock.wall_ns;
    ranks.push_back({{"rank", rank.rank.value()},
                     {"host", rank.host},
                     {"spans", rank.timeline->spans.size()},
                     {"spans_dropped", rank.timeline->dropped},
                     {"clock", to_string(offsets[i].method)},
                     {"clock_offset_us", static_cast<double>(offsets[i].offset_ns) / 1e3},
                     {"clock_error_us", static_cast<double>(offsets[i].error_ns) / 1e3}});
  }
  return {{"program", "switchyard"},
          {"start_unix_us", wall_ns / 1000},
          {"ranks_lost", report.ranks_lost},
          {"ranks", std::move(ranks)}};
}

}  // namespace

Result<TraceSummary> write_trace(const std::string& path, const engine::ClusterReport& report,
                                 std::span<const ClusterMoment> moments) {
  const auto offsets = engine::align_clocks(report.ranks);
  const auto own = engine::align_clock(engine::clock_facts(), report.ranks, offsets);
  const std::int64_t first = first_ns(report, offsets, moments, own);
  SY_ASSIGN(auto file, TraceFile::create(path));
  TraceSummary summary;
  for (std::size_t i = 0; i < report.ranks.size(); ++i) {
    const auto& rank = report.ranks[i];
    if (!rank.timeline) continue;
    RankRows(file, rank, offsets[i].offset_ns - first).write();
    ++summary.ranks;
    summary.spans += rank.timeline->spans.size();
    summary.dropped += rank.timeline->dropped;
  }
  if (!moments.empty()) file.name_process(kClusterProcess, "cluster");
  for (const auto& moment : moments) {
    file.instant({kClusterProcess, 0}, TraceFile::Scope::kGlobal, moment.kind,
                 ns_of(moment.at) + own.offset_ns - first,
                 fmt::format(R"({{"text":{}}})", json_text(moment.text)));
  }
  SY_TRY(file.finish(facts_of(report, offsets, first).dump()));
  summary.events = file.event_count();
  return summary;
}

std::string summary_text(const std::string& path, const TraceSummary& summary) {
  return fmt::format("trace {}: {} spans of {} rank(s), {} dropped{}", path, summary.spans,
                     summary.ranks, summary.dropped,
                     summary.dropped == 0 ? "" : " (the oldest; see log.trace_spans)");
}

}  // namespace switchyard::launcher
