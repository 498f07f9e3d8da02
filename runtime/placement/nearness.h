// runtime/placement/nearness.h -- how far the ranks of a view are from one of them, in tiers:
// itself, its host, its zone, its region, then other regions from the cheapest link to the dearest.
// Costs are those that an operator gave; between regions without one, measured round trips count,
// rounded to powers of two so that noise changes nothing; what is neither given nor measured comes
// last. Thread safety: functions without state.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/placement/link_costs.h"
#include "runtime/placement/view.h"

namespace switchyard::placement {

inline constexpr std::uint32_t kTierSelf = 0;
inline constexpr std::uint32_t kTierHost = 1;
inline constexpr std::uint32_t kTierZone = 2;
inline constexpr std::uint32_t kTierRegion = 3;
inline constexpr std::uint32_t kTierFar = 4;  // and above

// One for each member, in their order. round_trip_us: by rank, 0 or beyond the end: not measured.
// `source` is a member.
[[nodiscard]] std::vector<std::uint32_t> tiers_from(
    const View& view, RankId source, const LinkCosts& costs,
    const std::vector<std::uint32_t>& round_trip_us);

}  // namespace switchyard::placement
