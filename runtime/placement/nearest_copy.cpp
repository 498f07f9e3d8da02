#include "runtime/placement/nearest_copy.h"

#include <algorithm>

namespace switchyard::placement {

NearestCopy::NearestCopy(const View& view, RankId source, const std::vector<std::uint32_t>& tiers,
                         double spill_over)
    : source_(source), spill_over_(spill_over) {
  std::size_t ranks = 0;
  std::size_t experts = 0;
  for (const Member& member : view.members) {
    ranks = std::max(ranks, member.rank.index() + 1);
    experts += member.expert ? 1U : 0U;
  }
  expert_ranks_ = std::max<std::size_t>(experts, 1);
  tier_.resize(ranks);
  sent_.resize(ranks);
  for (std::size_t i = 0; i < view.members.size(); ++i) {
    tier_[view.members[i].rank.index()] = tiers[i];
  }
}

void NearestCopy::begin_dispatch(std::size_t pairs) noexcept {
  std::ranges::fill(sent_, 0U);
  if (spill_over_ <= 0) return;
  const double share =
      spill_over_ * static_cast<double>(pairs) / static_cast<double>(expert_ranks_);
  full_at_ = static_cast<std::uint32_t>(
      std::clamp(share, static_cast<double>(kSpillPairsMin), static_cast<double>(UINT32_MAX)));
}

// Of the copies of that tier or a farther one: the nearest, then the least busy, then by turns.
NearestCopy::Best NearestCopy::nearest_beyond(std::span<const Replica> copies, std::uint64_t token,
                                              std::uint32_t tier_min) const {
  Best best;
  const std::size_t first = (token + source_.value()) % copies.size();
  for (std::size_t n = 0; n < copies.size(); ++n) {
    const std::size_t i = (first + n) % copies.size();
    const std::size_t rank = copies[i].rank.index();
    const std::uint32_t tier = tier_[rank];
    if (tier < tier_min || tier > best.tier) continue;
    if (tier == best.tier && sent_[rank] >= best.sent) continue;
    best = {i, tier, sent_[rank]};
  }
  return best;
}

std::size_t NearestCopy::choose(std::span<const Replica> copies, std::uint64_t token) const {
  const Best nearest = nearest_beyond(copies, token, kTierSelf);
  Best taken = nearest;
  while (taken.tier != kTierSelf && taken.sent >= full_at_) {
    const Best farther = nearest_beyond(copies, token, taken.tier + 1);
    if (farther.tier == UINT32_MAX) return nearest.index;  // all are full: the way is what counts
    taken = farther;
  }
  return taken.index;
}

}  // namespace switchyard::placement
