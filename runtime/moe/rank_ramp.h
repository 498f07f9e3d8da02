// runtime/moe/rank_ramp.h -- how much of its share of the rows a rank gets that has just come: in
// the first step a little, then more with every step, after so many all of it. What it does not get
// goes to the other copies of its experts; copies are equal, so no result depends on it. An expert
// without another copy goes to the rank all the same. Not the choice of the other copy
// (dispatch_plan.h). Nothing here allocates but follow().
// Thread safety: shared objects: unsafe (the rank's engine thread).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/placement/view.h"

namespace switchyard::moe {

class RankRamp {
 public:
  static constexpr std::uint32_t kWhole = 1U << 16;  // of a share

  // steps: of this router until a rank has its whole share; 0: it has it at once.
  RankRamp(std::size_t ranks, std::uint64_t steps)
      : steps_(steps), left_(ranks), shares_(ranks, kWhole) {}

  // This router acts under `next`; before: its view until now, null where there was none. Expert
  // ranks that held nothing before begin; all ranks of a first view have their whole share.
  void follow(const placement::View* before, const placement::View& next);
  // An exchange of the router's step number `step` begins; the numbers only grow.
  void begin_step(std::uint64_t step) noexcept;
  // [ranks] of kWhole; empty: every rank has its whole share.
  [[nodiscard]] std::span<const std::uint32_t> shares() const noexcept {
    return rising_ > 0 ? std::span<const std::uint32_t>(shares_) : std::span<const std::uint32_t>();
  }

 private:
  void count_rising() noexcept;

  std::uint64_t steps_;
  std::uint64_t step_ = UINT64_MAX;    // the last that began
  std::vector<std::uint64_t> left_;    // [ranks] steps with a part of the share, not begun yet
  std::vector<std::uint32_t> shares_;  // [ranks]
  std::size_t rising_ = 0;             // ranks whose share is not whole
};

}  // namespace switchyard::moe
