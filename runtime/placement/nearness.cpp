#include "runtime/placement/nearness.h"

#include <algorithm>
#include <bit>
#include <tuple>

namespace switchyard::placement {
namespace {

// Given costs before measured ones before nothing; comparable within each.
using FarCost = std::tuple<int, std::uint32_t>;

FarCost cost_of(const Member& source, const Member& member, const LinkCosts& costs,
                const std::vector<std::uint32_t>& round_trip_us) {
  if (const auto given = costs.between(source.region, member.region)) return {0, *given};
  const std::size_t r = member.rank.index();
  const std::uint32_t measured = r < round_trip_us.size() ? round_trip_us[r] : 0;
  if (measured > 0) return {1, static_cast<std::uint32_t>(std::bit_width(measured))};
  return {2, 0};
}

}  // namespace

std::vector<std::uint32_t> tiers_from(const View& view, RankId source, const LinkCosts& costs,
                                      const std::vector<std::uint32_t>& round_trip_us) {
  const Member& self = *view.find(source);
  std::vector<FarCost> far;
  for (const Member& member : view.members) {
    if (member.region != self.region) far.push_back(cost_of(self, member, costs, round_trip_us));
  }
  std::ranges::sort(far);
  far.erase(std::unique(far.begin(), far.end()), far.end());
  std::vector<std::uint32_t> tiers;
  for (const Member& member : view.members) {
    if (member.rank == source) {
      tiers.push_back(kTierSelf);
    } else if (member.host == self.host) {
      tiers.push_back(kTierHost);
    } else if (member.region != self.region) {
      const auto at = std::ranges::lower_bound(far, cost_of(self, member, costs, round_trip_us));
      tiers.push_back(kTierFar + static_cast<std::uint32_t>(at - far.begin()));
    } else {
      tiers.push_back(member.zone == self.zone ? kTierZone : kTierRegion);
    }
  }
  return tiers;
}

}  // namespace switchyard::placement
