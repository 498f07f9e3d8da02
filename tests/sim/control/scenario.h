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
};

[[nodiscard]] Outcome run_scenario(std::uint64_t seed, Mistake mistake = Mistake::kNone);

}  // namespace switchyard::control
