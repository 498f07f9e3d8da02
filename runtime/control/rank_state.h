// runtime/control/rank_state.h -- what a rank is doing and how it is connected, as the controller
// sees it. Facts, not verdicts (health.h). Thread safety: plain values and functions without state.
#pragma once

#include <string_view>

namespace switchyard::control {

// The rank's own control connection.
enum class Connection {
  kNever,   // launched, has not registered yet
  kOpen,    // registered; the connection stands
  kBroken,  // ended by the other side without a goodbye: on a living host, the process is dead
};

// What the rank says that it is doing.
enum class Phase {
  kLoading,   // loads weights
  kWarming,   // weights are there; first steps
  kServing,   // takes part in steps
  kDraining,  // finishes what it has, takes nothing new
  kParked,    // a spare: launched, holds no weights
};

[[nodiscard]] std::string_view to_string(Connection connection) noexcept;
[[nodiscard]] std::string_view to_string(Phase phase) noexcept;

}  // namespace switchyard::control
