#include "runtime/control/scaling_decision.h"

#include <fmt/format.h>

namespace switchyard::control {
namespace {

struct Describe {
  std::string operator()(const NoAction&) const { return "nothing"; }
  std::string operator()(const ActivateSpares& a) const {
    return fmt::format("activate {} spares", a.count);
  }
  std::string operator()(const SpawnRanks& a) const {
    return fmt::format("spawn {} ranks", a.count);
  }
  std::string operator()(const DrainRanks& a) const {
    std::string out = "drain rank ";
    for (std::size_t i = 0; i < a.ranks.size(); ++i) {
      out += fmt::format("{}{}", i == 0 ? "" : ", ", a.ranks[i].value());
    }
    return out;
  }
  std::string operator()(const SetReplicas& a) const {
    return fmt::format("set {} replicas of each expert", a.replicas);
  }
};

void describe_track(std::string_view name, const TrackDecision& track, std::string& out) {
  out += fmt::format("; {} {} -> {} (formula {}{})", name, track.current, track.final, track.wanted,
                     track.panic ? ", panic" : "");
  for (const MetricReading& reading : track.readings) out += fmt::format(", {}", reading.text());
  for (const Clamp& clamp : track.clamps) {
    out += fmt::format(", {}: {}", to_string(clamp.kind), clamp.text);
  }
}

}  // namespace

Direction TrackDecision::direction() const noexcept {
  if (final == current) return Direction::kNone;
  return final > current ? Direction::kUp : Direction::kDown;
}

std::string describe(const ScalingAction& action) { return std::visit(Describe{}, action); }

std::string ScalingDecision::text() const {
  std::string out = fmt::format("decision {} ({}): {}: {}", number, to_string(mode),
                                to_string(outcome), describe(action));
  if (outcome == ScalingOutcome::kOff || outcome == ScalingOutcome::kNotDue) return out;
  describe_track("expert ranks", ranks, out);
  describe_track("replicas", replicas, out);
  for (const std::string& alarm : alarms) out += fmt::format("; alarm: {}", alarm);
  return out;
}

std::string_view to_string(Direction direction) noexcept {
  switch (direction) {
    case Direction::kNone: return "none";
    case Direction::kUp: return "up";
    case Direction::kDown: return "down";
  }
  return "unknown";
}

std::string_view to_string(ClampKind kind) noexcept {
  switch (kind) {
    case ClampKind::kMetricsMissing: return "metrics_missing";
    case ClampKind::kPanic: return "panic";
    case ClampKind::kStabilised: return "stabilised";
    case ClampKind::kRate: return "rate";
    case ClampKind::kBounds: return "bounds";
    case ClampKind::kCooldown: return "cooldown";
    case ClampKind::kDwell: return "dwell";
    case ClampKind::kActionInFlight: return "action_in_flight";
    case ClampKind::kNoSpares: return "no_spares";
    case ClampKind::kMemory: return "memory";
    case ClampKind::kReplicas: return "replicas";
    case ClampKind::kOtherFirst: return "other_first";
  }
  return "unknown";
}

std::string_view to_string(ScalingOutcome outcome) noexcept {
  switch (outcome) {
    case ScalingOutcome::kOff: return "off";
    case ScalingOutcome::kNotDue: return "not_due";
    case ScalingOutcome::kHold: return "hold";
    case ScalingOutcome::kAdvice: return "advice";
    case ScalingOutcome::kAct: return "act";
  }
  return "unknown";
}

}  // namespace switchyard::control
