// runtime/control/controller/plan_from.h -- what a new placement starts from. Not for anybody but
// runtime/control/controller. Thread safety: a value.
#pragma once

#include <cstdint>

namespace switchyard::control {

enum class PlanFrom : std::uint8_t {
  kNothing,         // as configured
  kThere,           // the view, by the loads of late; each move has to pay
  kThereMovesFree,  // the same for an operator who asks: whatever is better
};

}  // namespace switchyard::control
