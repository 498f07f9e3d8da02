#include "runtime/moe/rank_ramp.h"

#include <algorithm>

namespace switchyard::moe {

void RankRamp::follow(const placement::View* before, const placement::View& next) {
  const auto held = [](const placement::View& view, RankId rank) {
    const placement::Member* member = view.find(rank);
    return member != nullptr && member->expert;
  };
  for (std::uint32_t r = 0; r < left_.size(); ++r) {
    const RankId rank(r);
    if (before == nullptr || !held(next, rank)) {
      left_[r] = 0;
      shares_[r] = kWhole;
    } else if (!held(*before, rank)) {
      left_[r] = steps_;
      shares_[r] = steps_ > 0 ? 0 : kWhole;
    }
  }
  count_rising();
}

// Of n steps the first brings 1/(n+1), the next 2/(n+1), ...; after them it is the whole share.
void RankRamp::begin_step(std::uint64_t step) noexcept {
  if (rising_ == 0 || step == step_) return;
  step_ = step;
  for (std::size_t r = 0; r < left_.size(); ++r) {
    if (shares_[r] == kWhole) continue;
    const std::uint64_t begun = steps_ - left_[r] + 1;
    shares_[r] = left_[r] == 0 ? kWhole : static_cast<std::uint32_t>(kWhole * begun / (steps_ + 1));
    if (left_[r] > 0) --left_[r];
  }
  count_rising();
}

void RankRamp::count_rising() noexcept {
  rising_ = static_cast<std::size_t>(
      std::ranges::count_if(shares_, [](std::uint32_t share) { return share < kWhole; }));
}

}  // namespace switchyard::moe
