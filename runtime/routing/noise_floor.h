// runtime/routing/noise_floor.h -- the imbalance that perfectly uniform routing would show, from
// sampling noise alone; printed next to a measured imbalance, which cannot sensibly be below it.
// Thread safety: functions without state.
#pragma once

#include <cstddef>
#include <cstdint>

namespace switchyard::routing {

struct NoiseFloor {
  double expert_max_over_mean = 1;
  double rank_max_over_mean = 1;  // contiguous placement, the first ranks one expert more
};

struct NoiseFloorInput {
  std::size_t experts = 1;
  std::size_t ranks = 1;
  std::uint64_t assignments = 0;  // (token, expert) pairs; 0 answers 1
  std::size_t draws = 20;
  std::uint64_t seed = 0;
};

// Mean over simulated draws; costs draws * min(assignments, 2^20) random numbers. Above 2^20
// assignments the excess over 1, which goes with the root of the number, is scaled from there.
[[nodiscard]] NoiseFloor uniform_noise_floor(const NoiseFloorInput& input);

}  // namespace switchyard::routing
