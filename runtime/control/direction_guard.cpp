#include "runtime/control/direction_guard.h"

#include <fmt/format.h>

namespace switchyard::control {

void DirectionGuard::started(Direction direction, TimePoint now) {
  if (last_ != Direction::kNone && last_ != direction) changed_ = now;
  last_ = direction;
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
  const bool changes = last_ != Direction::kNone && last_ != direction;
  if (dwell && changes && changed_ && now - *changed_ < options_.dwell_min) {
    return Clamp{ClampKind::kDwell,
                 fmt::format("{:.1f} s of {:.1f} s since the direction last changed",
                             to_seconds(now - *changed_), to_seconds(options_.dwell_min))};
  }
  return std::nullopt;
}

}  // namespace switchyard::control
