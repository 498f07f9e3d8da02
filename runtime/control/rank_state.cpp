#include "runtime/control/rank_state.h"

namespace switchyard::control {

std::string_view to_string(Connection connection) noexcept {
  switch (connection) {
    case Connection::kNever: return "never";
    case Connection::kOpen: return "open";
    case Connection::kBroken: return "broken";
  }
  return "unknown";
}

std::string_view to_string(Phase phase) noexcept {
  switch (phase) {
    case Phase::kLoading: return "loading";
    case Phase::kStarting: return "starting";
    case Phase::kLeaving: return "leaving";
    case Phase::kServing: return "serving";
    case Phase::kDraining: return "draining";
    case Phase::kParked: return "parked";
  }
  return "unknown";
}

}  // namespace switchyard::control
