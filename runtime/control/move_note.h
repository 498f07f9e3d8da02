// runtime/control/move_note.h -- how the last planned move of experts stands: a rebalance that a
// client or the balancer wanted, or a client's plan. It is journaled at its beginning and at its
// end, so that none vanishes with the controller that led it. Not the moves themselves
// (move_batches.h) and not another number of copies, which a controller that comes back takes up
// again. Thread safety: plain values and functions without state.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace switchyard::control {

// What experts are on their way for: the loads, another number of copies, a client's plan.
enum class MovesFor : std::uint8_t { kLoad, kReplicas, kPlan };

enum class MoveState : std::uint8_t {
  kNone,      // there was none yet
  kUnderWay,  // accepted, not at its end
  kDone,
  kUnneeded,   // nothing better was found
  kAbandoned,  // what has moved stays, the rest is where it was
};

struct MoveNote {
  MoveState state = MoveState::kNone;
  MovesFor moves_for = MovesFor::kLoad;
  std::string text;  // under way: who wants what; then how it ended

  bool operator==(const MoveNote&) const = default;
};

[[nodiscard]] std::string_view to_string(MovesFor moves_for) noexcept;
[[nodiscard]] std::string_view to_string(MoveState state) noexcept;

}  // namespace switchyard::control
