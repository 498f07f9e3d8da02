// runtime/moe/dispatch_plan.h -- who gets which rows: selections + view -> for each expert rank its
// unique rows and (row, expert) pairs. Pure; decided at the token's own router.
// A row goes to a rank once, however many of its experts live there.
// Thread safety: distinct objects: safe; shared objects: unsafe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/ids.h"
#include "runtime/moe/rank_mask.h"
#include "runtime/moe/wire.h"
#include "runtime/placement/replica_choice.h"
#include "runtime/placement/view.h"
#include "runtime/routing/selection.h"

namespace switchyard::moe {

// The part of a plan that goes to one rank: ranges of DispatchPlan's arrays.
struct RankPlan {
  RankId rank;
  std::uint32_t row_begin = 0;
  std::uint32_t row_count = 0;
  std::uint32_t pair_begin = 0;
  std::uint32_t pair_count = 0;
};

struct DispatchPlan {
  std::vector<RankPlan> ranks;           // ascending; only ranks that get something
  std::vector<std::uint32_t> row_token;  // [rows] the token of each row, grouped by rank
  std::vector<WirePair> pairs;           // [pairs] grouped by rank; rows count within the rank
  std::vector<std::uint32_t> pair_slot;  // [pairs] the selection slot that the pair answers
  // Tokens that may go to no rank that holds one of their experts: nothing of that pair leaves, the
  // slot adds 0, and the token's sequence must not go on.
  std::vector<std::uint32_t> forbidden;
  std::uint32_t steered = 0;  // pairs that went to another copy than the usual, to avoid its rank
  std::uint32_t ramped = 0;   // ... because its rank has only a part of its share yet
  std::vector<std::uint32_t> masked;  // slots whose expert the view has on no rank: they add 0

  // Room for so many, once: planning does not allocate then.
  void reserve(std::size_t ranks_max, std::size_t rows_max, std::size_t slots_max);
};

// Makes plans without allocating after construction.
class DispatchPlanner {
 public:
  // ranks: of the world. tokens_max, slots_max: of one batch.
  DispatchPlanner(std::size_t ranks, std::size_t tokens_max, std::size_t slots_max);

  // masks: where the tokens' rows may go. avoided: [ranks], 1 for ranks that get nothing of experts
  // that have an allowed copy elsewhere; empty: none. shares: of RankRamp, [ranks]; empty: all are
  // whole. token_keys: [T] a number for each token that
  // spreads it over replicas (its position). Every pair of `selections` appears in `plan` exactly
  // once, as a pair or as masked.
  void plan(const placement::View& view, std::size_t moe_layer,
            const routing::Selections& selections, std::span<const std::uint32_t> token_keys,
            TokenMasks masks, placement::ReplicaChoice& choice, DispatchPlan& plan,
            std::span<const std::uint8_t> avoided = {}, std::span<const std::uint32_t> shares = {});

 private:
  struct RankTally {
    std::uint32_t rows = 0;
    std::uint32_t pairs = 0;
    std::uint32_t last_token = 0;  // 1 + the token whose row was counted last
    std::uint32_t row_begin = 0;
    std::uint32_t pair_begin = 0;
  };
  [[nodiscard]] RankId choose(const placement::View& view, const placement::ReplicaQuery& query,
                              const RankMask* mask, placement::ReplicaChoice& choice);
  // The nearest of the copies that the mask allows and whose rank is good; kNowhere: there is none.
  template <class Good>
  [[nodiscard]] RankId among(std::span<const placement::Replica> replicas, std::uint64_t token,
                             const RankMask* mask, const placement::ReplicaChoice& choice,
                             Good&& good_rank);
  void count(const routing::Selections& selections);
  void lay_out(DispatchPlan& plan);
  void fill(const routing::Selections& selections, DispatchPlan& plan);

  std::vector<RankTally> tallies_;        // [ranks]
  std::vector<RankId> slot_rank_;         // [slots]
  std::vector<placement::Replica> good_;  // of one expert
  std::size_t tokens_max_;
  std::size_t slots_max_;
};

}  // namespace switchyard::moe
