// runtime/control/rank_state.h -- what a rank is doing and how it is connected, as the controller
// sees it; what it says that it does is Phase (messages.h). Facts, not verdicts (health.h).
// Thread safety: plain values and functions without state.
#pragma once

#include <string_view>

#include "runtime/control/messages.h"

namespace switchyard::control {

// The rank's own control connection.
enum class Connection {
  kNever,   // launched, has not registered yet
  kOpen,    // registered; the connection stands
  kBroken,  // ended by the other side without a goodbye: on a living host, the process is dead
};

[[nodiscard]] std::string_view to_string(Connection connection) noexcept;
[[nodiscard]] std::string_view to_string(Phase phase) noexcept;

}  // namespace switchyard::control
