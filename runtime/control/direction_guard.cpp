#include "runtime/control/direction_guard.h"

#include <fmt/format.h>

namespace switchyard::control {

void DirectionGuard::started(Direction direction, TimePoint now) {
  before_ = course_;
  if (course_.last != Direction::kNone && course_.last != direction) course_.changed = now;
  course_.last = direction;
}

std::optional<Clamp> DirectionGuard::refuse(Direction direction, TimePoint now,
                                            Urgency urgency) const {
  if (urgency == Urgency::kBounds) return std::nullopt;
  const Duration cooldown =
      direction == Direction::kUp ? options_.cooldown_up : options_.cooldown_down;
  if (urgency == Urgency::kCalm && ended_ && now - *ended_ < cooldown) {
    return Clamp{ClampKind::kCooldown,
                 fmt::format("{:.1f} s of {:.1f} s since the last action",
                             to_seconds(now - *ended_), to_seconds(cooldown))};
  }
  const bool dwell = urgency == Urgency::kCalm || options_.panic_rule == PanicRule::kKeepsDwell;
  const auto& [last, changed] = course_;
  const bool changes = last != Direction::kNone && last != direction;
  if (dwell && changes && changed && now - *changed < options_.dwell_min) {
    return Clamp{ClampKind::kDwell,
                 fmt::format("{:.1f} s of {:.1f} s since the direction last changed",
                             to_seconds(now - *changed), to_seconds(options_.dwell_min))};
  }
  return std::nullopt;
}

}  // namespace switchyard::control
