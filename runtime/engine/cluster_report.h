// runtime/engine/cluster_report.h -- what every rank did in a run, gathered by rank 0 at the end:
// counters, memory, roles. The evidence for conservation and for the load per expert rank.
// Thread safety: distinct objects: safe.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/ids.h"
#include "runtime/control/messages.h"
#include "runtime/engine/rank_timeline.h"
#include "runtime/moe/counters.h"

namespace switchyard::engine {

struct RankReport {
  RankId rank;
  std::string host;
  std::string device;
  bool router = false;
  bool expert = false;
  std::uint64_t experts_held = 0;
  std::uint64_t expert_bytes = 0;
  std::uint64_t router_bytes = 0;
  std::uint64_t kv_bytes = 0;
  std::uint64_t weight_bytes_read = 0;
  std::uint64_t rss_peak_bytes = 0;  // of the process; local ranks share one
  moe::Counters counters;
  std::optional<RankTimeline> timeline;  // where one was asked for
};

// A rank that died brings no report; what it had told the controller of its load is known.
struct DiedRank {
  RankId rank;
  control::LastLoads last;
};

struct ClusterReport {
  std::vector<RankReport> ranks;  // by rank; of those that lived to the end
  std::vector<DiedRank> died;     // by rank and life, as far as the controller told
  std::size_t ranks_lost = 0;

  // Whether ranks died: bytes_sent(), restricted_rows() and pairs_by_slot() are then at least so
  // many. The other sums are of those alone that lived to the end.
  [[nodiscard]] bool at_least() const noexcept { return ranks_lost > 0 || !died.empty(); }
  // Served in each slot whose processes held experts or did once, by rank.
  [[nodiscard]] std::map<RankId, std::uint64_t> pairs_by_slot() const;
  // Sums over ranks.
  [[nodiscard]] std::uint64_t pairs_dispatched() const;
  [[nodiscard]] std::uint64_t pairs_sent_away() const;  // of those dispatched: to another rank
  [[nodiscard]] std::uint64_t pairs_served() const;
  [[nodiscard]] std::uint64_t pairs_answered() const;
  [[nodiscard]] std::uint64_t pairs_withdrawn() const;
  [[nodiscard]] std::uint64_t bytes_sent() const;
  // Rows of requests under a residency rule, by origin and region.
  [[nodiscard]] moe::RestrictedRows restricted_rows() const;
  // Law 2: every pair dispatched was answered exactly once, or withdrawn and asked again; every
  // pair received was served or superseded. Without a withdrawal both sides count the same pairs.
  [[nodiscard]] bool conserved() const;
};

// [{"origin", "region", "rows"}]
[[nodiscard]] nlohmann::json encode_restricted(const moe::RestrictedRows& rows);

[[nodiscard]] nlohmann::json encode_rank_report(const RankReport& report);
[[nodiscard]] Result<RankReport> decode_rank_report(const nlohmann::json& body);

// The peak resident memory of this process, bytes; 0 where /proc does not say.
[[nodiscard]] std::uint64_t rss_peak_bytes();

}  // namespace switchyard::engine
