// runtime/control/load_totals.h -- what the ranks have reported since the controller started,
// summed up: bytes and waits by link, pairs by expert, tokens by rank; and the rates of the newest
// report of each. For people and for metrics; decisions are made from windows, not from these sums.
// Thread safety: distinct objects: safe.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/ids.h"
#include "runtime/control/messages.h"

namespace switchyard::control {

class LoadTotals {
 public:
  // One rank's way to another.
  struct Link {
    std::uint64_t bytes = 0;
    std::uint64_t wait_us = 0;        // `from` waited while `to` owed it an answer
    double bytes_per_second = 0;      // of the newest report
    std::uint32_t round_trip_us = 0;  // the shortest exchange; 0: not measured
    double wait_share = 0;            // 0..1 of its time
  };
  struct Rank {
    std::uint64_t tokens = 0;
    std::uint64_t pairs = 0;  // served
  };

  // Pairs of origin and region beyond so many are counted as one, of kOthers.
  static constexpr std::size_t kRegionPairsMax = 4096;
  static constexpr std::string_view kOthers = "(others)";

  // A new process sits in the slot: last_of() is about it from now on.
  void begin_life(RankId rank) { lives_.erase(rank); }
  // `report` has been checked: lists of peers and experts have the cluster's sizes or none.
  void add(RankId from, const LoadReport& report);

  [[nodiscard]] const std::map<std::pair<RankId, RankId>, Link>& links() const noexcept {
    return links_;
  }
  [[nodiscard]] Rank rank(RankId rank) const;
  // The sums of the process that sits in the slot, as far as they were reported; its life and roles
  // are the caller's to fill in.
  [[nodiscard]] LastLoads last_of(RankId rank) const;
  [[nodiscard]] const std::vector<std::uint64_t>& expert_pairs() const noexcept {
    return expert_pairs_;
  }

  // [{"from", "to", "bytes_total", "bytes_per_second", "round_trip_us_min"}]: links that carried
  // anything; the last where it was measured.
  [[nodiscard]] nlohmann::json links_json() const;
  // [{"origin", "region", "rows_total"}]: rows of requests under a residency rule that routers
  // sent; pairs that got nothing are there with 0.
  [[nodiscard]] nlohmann::json restricted_json() const;
  // [{"rank", "peer", "wait_s_total", "wait_share"}]: who waited for whom.
  [[nodiscard]] nlohmann::json waits_json() const;
  // {"layers", "experts", "pairs_total", "imbalance": [layers], "expert_pairs": [layers][experts]};
  // imbalance: the busiest expert over the layer's mean.
  [[nodiscard]] nlohmann::json experts_json(std::size_t layers, std::size_t experts) const;

 private:
  using ByEnds = std::map<std::pair<std::string, std::string>, std::uint64_t>;  // origin, region
  static void add_restricted(ByEnds& to, const RestrictedSent& sent);

  std::map<std::pair<RankId, RankId>, Link> links_;
  std::map<RankId, Rank> ranks_;
  struct Life {
    LastLoads sums;  // without the rows
    ByEnds restricted;
  };
  std::map<RankId, Life> lives_;
  ByEnds restricted_;
  std::vector<std::uint64_t> expert_pairs_;  // [layers * experts]; empty before the first report
};

// The busiest expert over its layer's mean, of the worst layer; pairs: [layers][experts]. Nothing
// where there are none.
[[nodiscard]] std::optional<double> worst_imbalance(std::span<const std::uint64_t> pairs,
                                                    std::size_t layers);

}  // namespace switchyard::control
