#include "runtime/control/move_note.h"

namespace switchyard::control {

std::string_view to_string(MovesFor moves_for) noexcept {
  switch (moves_for) {
    case MovesFor::kLoad: return "load";
    case MovesFor::kReplicas: return "replicas";
    case MovesFor::kPlan: return "plan";
  }
  return "unknown";
}

std::string_view to_string(MoveState state) noexcept {
  switch (state) {
    case MoveState::kNone: return "none";
    case MoveState::kUnderWay: return "under_way";
    case MoveState::kDone: return "done";
    case MoveState::kUnneeded: return "unneeded";
    case MoveState::kAbandoned: return "abandoned";
  }
  return "unknown";
}

}  // namespace switchyard::control
