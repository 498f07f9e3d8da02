#include "runtime/control/scaling_config.h"

#include <cmath>

namespace switchyard::control {
namespace {

// A window holds one entry per interval.
constexpr int kWindowIntervalsMax = 10'000;

Result<void> check_target(std::string_view name, const std::optional<double>& target, double max) {
  if (target && !(*target > 0 && *target <= max)) {
    return fail(ErrorCode::kConfig, "autoscaler: target {} is {}, not in (0, {}]", name, *target,
                max);
  }
  return {};
}

Result<void> check_bounds(std::string_view name, const ScalingBounds& bounds) {
  if (bounds.min == 0 || bounds.max < bounds.min) {
    return fail(ErrorCode::kConfig,
                "autoscaler: {} {}..{}: the minimum is at least 1 and at most "
                "the maximum",
                name, bounds.min, bounds.max);
  }
  return {};
}

Result<void> check_targets(const ScalingTargets& targets) {
  SY_TRY(check_target("busy_share", targets.busy_share, 1));
  SY_TRY(check_target("queue_delay_us_p95", targets.queue_delay_us_p95, 1e12));
  SY_TRY(check_target("step_us_p95", targets.step_us_p95, 1e12));
  SY_TRY(check_target("cpu_share", targets.cpu_share, 1));
  SY_TRY(check_target("memory_share", targets.memory_share, 1));
  SY_TRY(check_target("load_max_over_mean", targets.load_max_over_mean, 1e6));
  if (!targets.busy_share && !targets.queue_delay_us_p95 && !targets.step_us_p95 &&
      !targets.cpu_share && !targets.memory_share) {
    return fail(ErrorCode::kConfig, "autoscaler: no target for expert ranks is set");
  }
  return {};
}

// Load from before an action, or from before a swing, must not cause the next one.
Result<void> check_delays(const ScalingConfig& c) {
  if (c.stabilisation_down < c.metrics_window) {
    return fail(ErrorCode::kConfig,
                "autoscaler: stabilisation_down ({} s) is shorter than "
                "metrics_window ({} s)",
                to_seconds(c.stabilisation_down), to_seconds(c.metrics_window));
  }
  if (c.cooldown_up < c.metrics_window || c.cooldown_down < c.metrics_window) {
    return fail(ErrorCode::kConfig,
                "autoscaler: cooldown_up ({} s) and cooldown_down ({} s) must "
                "be at least metrics_window ({} s)",
                to_seconds(c.cooldown_up), to_seconds(c.cooldown_down),
                to_seconds(c.metrics_window));
  }
  if (c.dwell_min < c.stabilisation_down) {
    return fail(ErrorCode::kConfig,
                "autoscaler: dwell_min ({} s) is shorter than "
                "stabilisation_down ({} s)",
                to_seconds(c.dwell_min), to_seconds(c.stabilisation_down));
  }
  if (c.stabilisation_up > c.stabilisation_down) {
    return fail(ErrorCode::kConfig,
                "autoscaler: stabilisation_up ({} s) is longer than "
                "stabilisation_down ({} s)",
                to_seconds(c.stabilisation_up), to_seconds(c.stabilisation_down));
  }
  if (c.stabilisation_down > c.interval * kWindowIntervalsMax) {
    return fail(ErrorCode::kConfig, "autoscaler: stabilisation_down is longer than {} intervals",
                kWindowIntervalsMax);
  }
  return {};
}

Result<void> check_panic(const ScalingConfig& c) {
  if (c.panic_window <= Duration::zero() || c.panic_stable < c.panic_window ||
      c.panic_window > c.interval * kWindowIntervalsMax) {
    return fail(ErrorCode::kConfig,
                "autoscaler: panic_window must be positive, at most "
                "panic_stable and at most {} intervals",
                kWindowIntervalsMax);
  }
  if (!(c.panic_factor > 1 + c.tolerance)) {
    return fail(ErrorCode::kConfig, "autoscaler: panic_factor is {}, not above 1 + tolerance",
                c.panic_factor);
  }
  return {};
}

}  // namespace

Result<void> ScalingConfig::validate() const {
  SY_TRY(check_bounds("ranks", ranks));
  SY_TRY(check_bounds("replicas", replicas));
  if (replicas.min > ranks.min) {
    return fail(ErrorCode::kConfig,
                "autoscaler: replicas.min ({}) needs as many ranks; ranks.min "
                "is {}",
                replicas.min, ranks.min);
  }
  SY_TRY(check_targets(targets));
  if (!(tolerance >= 0 && tolerance < 1)) {
    return fail(ErrorCode::kConfig, "autoscaler: tolerance is {}, not in [0, 1)", tolerance);
  }
  for (const Duration time : {interval, queue_drain_time, action_time_max}) {
    if (time <= Duration::zero()) {
      return fail(ErrorCode::kConfig,
                  "autoscaler: interval, queue_drain_time and action_time_max must be positive");
    }
  }
  for (const Duration time : {metrics_window, stabilisation_up, stabilisation_down, cooldown_up,
                              cooldown_down, dwell_min}) {
    if (time < Duration::zero()) {
      return fail(ErrorCode::kConfig, "autoscaler: no time may be negative");
    }
  }
  if (!(up_factor_max > 1 && std::isfinite(up_factor_max) && down_factor_max > 1)) {
    return fail(ErrorCode::kConfig,
                "autoscaler: up_factor_max and down_factor_max must be above 1");
  }
  if (!(memory_share_max > 0 && memory_share_max <= 1) || missing_alarm_intervals == 0) {
    return fail(ErrorCode::kConfig,
                "autoscaler: memory_share_max must be in (0, 1] and "
                "missing_alarm_intervals at least 1");
  }
  SY_TRY(check_delays(*this));
  return check_panic(*this);
}

Result<ScalingMode> parse_scaling_mode(std::string_view name) {
  if (name == "off") return ScalingMode::kOff;
  if (name == "advisory") return ScalingMode::kAdvisory;
  if (name == "active") return ScalingMode::kActive;
  return fail(ErrorCode::kConfig, "unknown scaling mode '{}'; there are: off, advisory, active",
              name.substr(0, 60));
}

std::string_view to_string(ScalingMode mode) noexcept {
  switch (mode) {
    case ScalingMode::kOff: return "off";
    case ScalingMode::kAdvisory: return "advisory";
    case ScalingMode::kActive: return "active";
  }
  return "unknown";
}

}  // namespace switchyard::control
