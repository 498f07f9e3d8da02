// runtime/control/direction_guard.h -- keeps scaling calm in time: a cool-down after each action,
// and a minimum time between two changes of direction (up after down, down after up). Knows only
// the actions that it is told of. Thread safety: distinct objects: safe; shared objects: unsafe.
// Time is an argument.
#pragma once

#include <optional>

#include "runtime/base/clock.h"
#include "runtime/control/scaling_config.h"
#include "runtime/control/scaling_decision.h"

namespace switchyard::control {

enum class Urgency {
  kCalm,
  kPanic,   // skips the cool-down; the dwell time too when the panic rule says so
  kBounds,  // a configured minimum or maximum is violated: skips both
};

class DirectionGuard {
 public:
  struct Options {
    Duration cooldown_up;
    Duration cooldown_down;
    Duration dwell_min;
    PanicRule panic_rule = PanicRule::kKeepsDwell;
  };
  explicit DirectionGuard(const Options& options) : options_(options) {}

  // An action starts. Remembers its direction, and the moment if it is a new one.
  void started(Direction direction, TimePoint now);
  // The action is over, whatever came of it: the cool-down begins.
  void ended(TimePoint now) {
    ended_ = now;
    before_ = course_;
  }
  // Before ended(), where the action was not even begun: it has turned nothing round.
  void refused() { course_ = before_; }

  // Why not to go that way now; nothing: go.
  [[nodiscard]] std::optional<Clamp> refuse(Direction direction, TimePoint now,
                                            Urgency urgency) const;

 private:
  Options options_;
  struct Course {
    Direction last = Direction::kNone;
    std::optional<TimePoint> changed;  // when the direction last changed
  };
  Course course_;
  Course before_;  // ... the action in flight, if there is one
  std::optional<TimePoint> ended_;
};

}  // namespace switchyard::control
