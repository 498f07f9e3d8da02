// tests/sim/control/sim_load.h -- a load for the autoscaler to follow: how many expert ranks it
// calls for, which changes every few seconds until it stands still. Thread safety: plain values.
#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/base/clock.h"
#include "runtime/base/random.h"

namespace switchyard::control {

struct SimLoad {
  static constexpr double kTarget = 0.5;  // busy share that the autoscaler aims at
  // Short of a whole rank by so much, so that the number is called for and none is beside it.
  static constexpr double kShort = 0.3;
  static constexpr std::uint64_t kPeriodNs = 3'000'000'000;

  std::uint64_t seed = 0;
  std::uint32_t most = 1;  // expert ranks
  TimePoint still_from{};

  // Expert ranks that the load calls for, 1..most.
  [[nodiscard]] std::uint32_t needed(TimePoint now) const {
    const auto at = std::min(now, still_from).time_since_epoch().count();
    const std::uint64_t period = static_cast<std::uint64_t>(at) / kPeriodNs;
    return 1 + static_cast<std::uint32_t>(hash_counters(seed, period) % most);
  }
  // Of each of so many expert ranks that share it.
  [[nodiscard]] double busy_share(TimePoint now, std::size_t expert_ranks) const {
    const double work = kTarget * (needed(now) - kShort);
    return std::min(1.0, work / static_cast<double>(std::max<std::size_t>(expert_ranks, 1)));
  }
};

}  // namespace switchyard::control
