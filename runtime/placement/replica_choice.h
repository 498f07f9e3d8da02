// runtime/placement/replica_choice.h -- which copy of an expert serves a (token, expert) pair.
// Decided at the source rank only; the receiver learns it from the exchange's metadata. Copies are
// equal, so the choice moves load and bytes, never results. Thread safety: distinct objects: safe;
// shared objects: unsafe (weighted counts its pairs).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/placement/link_costs.h"
#include "runtime/placement/nearest_copy.h"
#include "runtime/placement/view.h"

namespace switchyard::placement {

enum class ReplicaRule {
  kLocalFirst,  // the source's own copy, else one on its host, else any; (token + source) mod count
  kRoundRobin,  // (token + slot) mod count
  kWeighted,    // by given weights, with the quota method
  kNearest,  // rank, host, zone, region, cheapest link; farther ones past a load (nearest_copy.h)
};

// What kNearest goes by.
struct NearestOptions {
  LinkCosts costs;                           // given
  std::vector<std::uint32_t> round_trip_us;  // measured, by rank; 0: not
  double spill_over = 0;                     // 0: never takes a farther copy because of load
};

// "local-first", "round-robin", "weighted", "nearest". Errors: kConfig with that list.
[[nodiscard]] Result<ReplicaRule> parse_replica_rule(std::string_view name);

// A pair whose expert has several copies.
struct ReplicaQuery {
  std::size_t layer = 0;
  ExpertId expert;
  std::uint64_t token = 0;  // a number of the token that spreads it over copies, e.g. its position
  std::uint32_t slot = 0;   // rank of the expert in the token's selection
};

class ReplicaChoice {
 public:
  // `weights` for kWeighted only: one per replica, in the order layer, expert, replica; what counts
  // is their ratio within an expert. Empty: all equal.
  // Errors: kConfig: `source` or a replica's rank is no member; a wrong number of weights; an
  // expert whose weights are all 0; a weight above 2^20.
  [[nodiscard]] static Result<ReplicaChoice> create(ReplicaRule rule, const View& view,
                                                    RankId source,
                                                    std::vector<std::uint32_t> weights = {},
                                                    const NearestOptions& nearest = {});

  // The index in `copies`, which are the view's replicas of the query's expert. Does not allocate.
  // With kWeighted, after n pairs of an expert each copy has had its share of n, rounded up or down
  // (quota method: Balinski and Young 1975).
  [[nodiscard]] std::size_t choose(std::span<const Replica> copies, const ReplicaQuery& query);
  // The same where some copies may not be taken: `good` are those that may, not none. The nearest
  // of them by the rule's own measure; where it has none, they share the tokens. Does not allocate.
  [[nodiscard]] std::size_t choose_among(std::span<const Replica> good, std::uint64_t token) const;
  // Before the pairs of a dispatch, and for each of them once its rank is known, chosen or not:
  // kNearest goes by what a rank has of the dispatch. Neither allocates.
  void begin_dispatch(std::size_t pairs) noexcept {
    if (rule_ == ReplicaRule::kNearest) nearest_.begin_dispatch(pairs);
  }
  void count(RankId rank) noexcept {
    if (rule_ == ReplicaRule::kNearest) nearest_.count(rank);
  }
  // Forgets what kWeighted has counted, as if made anew.
  void restart();

 private:
  struct Candidates {
    std::uint32_t begin = 0;  // of all copies, in replicas_
    std::uint32_t count = 0;
    std::uint32_t preferred_begin = 0;  // of those that local-first may take, in preferred_
    std::uint32_t preferred_count = 0;
    std::uint64_t weight_sum = 0;
    std::uint64_t pairs = 0;  // since the counts last came out even
  };

  // Of a rank as local-first sees it.
  enum class Way : std::uint8_t { kSelf, kHost, kFar };
  [[nodiscard]] std::size_t choose_weighted(Candidates& candidates);

  ReplicaRule rule_ = ReplicaRule::kLocalFirst;
  RankId source_;
  std::size_t experts_ = 0;
  std::vector<Candidates> candidates_;    // [layers * experts]
  std::vector<std::uint32_t> preferred_;  // indices among the expert's copies
  std::vector<std::uint32_t> weights_;    // [replicas]
  std::vector<std::uint64_t> sent_;       // [replicas]
  std::vector<Way> ways_;                 // [ranks]
  NearestCopy nearest_;
};

// By name and with equal weights, as the configuration asks for it.
[[nodiscard]] Result<std::unique_ptr<ReplicaChoice>> make_replica_choice(
    std::string_view name, const View& view, RankId source, const NearestOptions& nearest = {});

}  // namespace switchyard::placement
