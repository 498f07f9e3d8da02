// runtime/placement/nearest_copy.h -- takes the nearest copy of an expert that has room: tier by
// tier (nearness.h), within a tier the copy whose rank got least of this dispatch so far. A rank is
// full when it has more than `spill_over` times its fair share of the dispatch's pairs, and
// kSpillPairsMin at least; then the next tier is asked. The source's own copy is never full: its
// rows cross no link. A function of the view, the costs and the pairs of one dispatch; copies are
// equal, so results are the same whatever it answers. Thread safety: shared objects: unsafe (counts
// the pairs).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/placement/nearness.h"

namespace switchyard::placement {

// A rank with fewer pairs of a dispatch than this is never full: one more message would cost more.
inline constexpr std::uint32_t kSpillPairsMin = 64;

class NearestCopy {
 public:
  NearestCopy() = default;
  // spill_over: 0: never full. `tiers`: by tiers_from(view, source, ...).
  NearestCopy(const View& view, RankId source, const std::vector<std::uint32_t>& tiers,
              double spill_over);

  // Of a dispatch with so many pairs; forgets the last one. Does not allocate.
  void begin_dispatch(std::size_t pairs) noexcept;
  // A pair goes to that rank, whoever chose it.
  void count(RankId rank) noexcept { ++sent_[rank.index()]; }
  // The index in `copies`. Does not allocate.
  [[nodiscard]] std::size_t choose(std::span<const Replica> copies, std::uint64_t token) const;

 private:
  struct Best {
    std::size_t index = 0;
    std::uint32_t tier = UINT32_MAX;
    std::uint32_t sent = UINT32_MAX;
  };
  [[nodiscard]] Best nearest_beyond(std::span<const Replica> copies, std::uint64_t token,
                                    std::uint32_t tier_min) const;

  RankId source_;
  std::vector<std::uint32_t> tier_;  // [ranks]
  std::vector<std::uint32_t> sent_;  // [ranks] pairs of this dispatch
  std::size_t expert_ranks_ = 1;
  double spill_over_ = 0;
  std::uint32_t full_at_ = UINT32_MAX;
};

}  // namespace switchyard::placement
