// runtime/control/event_kinds.h -- the kinds of the controller's events, each with how serious it
// is: for the levels of its log, and so that each kind is counted from 0. docs/OPERATIONS.md says
// what they mean. Thread safety: functions without state.
#pragma once

#include <span>
#include <string_view>

namespace switchyard::control {

enum class Seriousness {
  kInfo,     // as it should be
  kWarning,  // something failed, and the cluster copes
  kError,    // answers suffer, or would after the next failure: somebody should look
};

struct EventKind {
  std::string_view kind;
  Seriousness seriousness = Seriousness::kInfo;
};

// In the order of their names.
[[nodiscard]] std::span<const EventKind> event_kinds();
// kInfo for one that is not among them.
[[nodiscard]] Seriousness seriousness_of(std::string_view kind);

}  // namespace switchyard::control
