// tests/sim/control/scenario.h -- a cluster, its load and its faults, all from one seed.
// Thread safety: functions without state.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/control/sim_process.h"

namespace switchyard::control {

struct Outcome {
  std::vector<std::string> violations;  // empty: all held
  std::vector<std::string> events;      // of the controller, with their times
  std::uint32_t epochs = 0;             // committed
  std::size_t ruled_requests = 0;       // ended, under a residency rule
  std::size_t acts_by_load = 0;         // changes of size that the autoscaler began
  std::size_t spawned = 0;              // processes that were asked for
};

// How many ranks there are: few, as the seed says (of some seeds 64), or 64.
enum class Size : std::uint8_t { kOfSeed, kLarge };

[[nodiscard]] Outcome run_scenario(std::uint64_t seed, Mistake mistake = Mistake::kNone,
                                   Size size = Size::kOfSeed);

}  // namespace switchyard::control
