// runtime/control/controller/scaling_note.h -- what the autoscaler decided last, as it is shown.
// Not its state (autoscaler.h). Plain values. Thread safety: distinct objects: safe.
#pragma once

#include <cstddef>
#include <string>

#include "runtime/base/clock.h"

namespace switchyard::control {

// What it last decided about expert ranks, for metrics.
struct ScalingNumbers {
  std::size_t current = 0;
  std::size_t desired = 0;
  std::size_t desired_replicas = 0;
};

// Its last decision.
struct ScalingNote {
  TimePoint at{};
  std::string text;
};

}  // namespace switchyard::control
