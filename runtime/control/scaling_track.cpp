#include "runtime/control/scaling_track.h"

#include <algorithm>
#include <cmath>

#include "runtime/control/scaling_rule.h"

namespace switchyard::control {
namespace {

void clamp_to(TrackDecision& decision, std::size_t value, ClampKind kind, std::string text) {
  if (value == decision.final) return;
  decision.final = value;
  decision.clamps.push_back({kind, std::move(text)});
}

}  // namespace

ScalingTrack::ScalingTrack(const ScalingConfig& config, const ScalingBounds& bounds)
    : config_(config),
      bounds_(bounds),
      stabiliser_(config.stabilisation_up, config.stabilisation_down),
      panic_({config.panic_window, config.panic_stable, config.panic_factor}),
      guard_({config.cooldown_up, config.cooldown_down, config.dwell_min, config.panic_rule}) {}

void ScalingTrack::limit_rate(TrackDecision& decision) const {
  const auto current = static_cast<double>(decision.current);
  if (decision.final > decision.current && !decision.panic) {
    const auto by_factor = static_cast<std::size_t>(std::floor(current * config_.up_factor_max));
    const std::size_t most =
        std::max({by_factor, decision.current + config_.up_count_max, decision.current + 1});
    clamp_to(decision, std::min(decision.final, most), ClampKind::kRate,
             fmt::format("at most {} in one action", most));
  }
  if (decision.final < decision.current) {
    const auto by_factor = static_cast<std::size_t>(std::ceil(current / config_.down_factor_max));
    const std::size_t least = std::min(by_factor, decision.current - 1);
    clamp_to(decision, std::max(decision.final, least), ClampKind::kRate,
             fmt::format("at least {} after one action", least));
  }
}

void ScalingTrack::keep_bounds(TrackDecision& decision) const {
  clamp_to(decision, std::clamp(decision.final, bounds_.min, bounds_.max), ClampKind::kBounds,
           fmt::format("within {}..{}", bounds_.min, bounds_.max));
}

TrackDecision ScalingTrack::decide(std::size_t current, std::vector<MetricReading> readings,
                                   TimePoint now) {
  const RuleResult rule = apply_scaling_rule(current, readings, config_.tolerance);
  TrackDecision out;
  out.current = current;
  out.wanted = rule.wanted;
  out.final = rule.wanted;
  out.readings = std::move(readings);
  if (out.readings.empty()) return out;  // nothing to go by: what is there is left alone
  out.leader = rule.leader;
  out.need_ratio = rule.need_ratio;
  out.panic = panic_.observe(rule.need_ratio, now);
  if (rule.held) {
    out.clamps.push_back({ClampKind::kMetricsMissing,
                          fmt::format("{} of {} metrics missing: no less than {}",
                                      rule.missing_count, out.readings.size(), current)});
  }
  if (out.panic) {
    clamp_to(out, std::max(out.final, current), ClampKind::kPanic, "no less during a panic");
  }
  clamp_to(out, stabiliser_.stabilise(current, out.final, now), ClampKind::kStabilised,
           fmt::format("the last {:.0f} s wanted otherwise",
                       to_seconds(out.final > current ? config_.stabilisation_up
                                                      : config_.stabilisation_down)));
  limit_rate(out);
  keep_bounds(out);
  if (out.direction() == Direction::kNone) return out;
  Urgency urgency = out.panic ? Urgency::kPanic : Urgency::kCalm;
  if (current < bounds_.min || current > bounds_.max) urgency = Urgency::kBounds;
  if (auto refusal = guard_.refuse(out.direction(), now, urgency)) {
    out.final = current;
    out.clamps.push_back(std::move(*refusal));
  }
  return out;
}

}  // namespace switchyard::control
