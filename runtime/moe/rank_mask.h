// runtime/moe/rank_mask.h -- the ranks that the rows of one sequence may touch (its residency rule,
// resolved by the controller). Not the rule itself. Thread safety: shared const objects: safe.
#pragma once

#include <span>
#include <vector>

#include "runtime/base/ids.h"

namespace switchyard::moe {

class RankMask {
 public:
  // origin: the number by which its rows are counted (restricted_rows.h).
  RankMask(std::span<const std::uint32_t> allowed, std::size_t ranks, std::uint32_t origin)
      : allowed_(ranks), origin_(origin) {
    for (const std::uint32_t rank : allowed) {
      if (rank < ranks) allowed_[rank] = true;
    }
  }
  [[nodiscard]] bool allows(RankId rank) const noexcept {
    return rank.index() < allowed_.size() && allowed_[rank.index()];
  }
  [[nodiscard]] std::uint32_t origin() const noexcept { return origin_; }

 private:
  std::vector<bool> allowed_;
  std::uint32_t origin_;
};

// One per token, null: every rank; an empty span: every rank for every token.
using TokenMasks = std::span<const RankMask* const>;

}  // namespace switchyard::moe
