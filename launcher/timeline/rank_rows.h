// launcher/timeline/rank_rows.h -- the spans of one rank as events of a trace file: which row each
// kind goes to, what it is called and which numbers go with it.
// Thread safety: shared objects: unsafe.
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "launcher/timeline/trace_file.h"
#include "runtime/engine/cluster_report.h"

namespace switchyard::launcher {

class RankRows {
 public:
  // shift_ns: added to the rank's times it makes times from the start of the trace.
  RankRows(TraceFile& file, const engine::RankReport& rank, std::int64_t shift_ns)
      : file_(file), rank_(rank), shift_ns_(shift_ns) {}

  void write();

 private:
  using Exchange = std::tuple<std::uint32_t, std::uint64_t, std::uint16_t, std::uint8_t>;

  void write_span(const Span& span, const std::string& experts);
  void write_leg(const Span& span);
  void write_exchange(const Span& span);
  void write_job(const Span& span);
  void write_request(const Span& span);
  void complete(std::uint64_t thread, std::string_view name, const Span& span,
                const std::string& args);
  void name_rows();
  [[nodiscard]] static Exchange exchange_of(const Span& span);
  [[nodiscard]] std::int64_t begin_ns(const Span& span) const { return span.begin_ns + shift_ns_; }
  [[nodiscard]] std::int64_t end_ns(const Span& span) const { return span.end_ns + shift_ns_; }

  TraceFile& file_;
  const engine::RankReport& rank_;
  std::int64_t shift_ns_;
  std::map<std::uint64_t, std::string> threads_;          // rows in use
  std::map<Exchange, std::vector<std::uint32_t>> peers_;  // of exchanges that have not ended yet
};

}  // namespace switchyard::launcher
