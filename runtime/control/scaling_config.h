// runtime/control/scaling_config.h -- the knobs of the autoscaler, with their defaults and rules.
// Where the defaults come from: the Kubernetes horizontal pod autoscaler (tolerance, windows,
// rates), Knative (panic). Thread safety: plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"

namespace switchyard::control {

enum class ScalingMode {
  kOff,       // decides nothing
  kAdvisory,  // decides and says so, acts never (dry run)
  kActive,
};

// Whether a panic may change the direction before dwell_min is over.
enum class PanicRule {
  kKeepsDwell,      // never more than one change of direction per dwell_min
  kOverridesDwell,  // too little capacity is worse than restlessness
};

struct ScalingBounds {
  std::size_t min = 1;
  std::size_t max = 1;
};

// A metric without a target is not used. With a target it is expected: when it is missing, the
// autoscaler does not scale down.
struct ScalingTargets {
  std::optional<double> busy_share = 0.7;  // of an expert rank's time, mean over ranks
  std::optional<double> queue_delay_us_p95 = 20'000;
  std::optional<double> step_us_p95 = std::nullopt;
  std::optional<double> cpu_share = std::nullopt;  // mean over ranks
  std::optional<double> memory_share = 0.85;       // of the rank with the least room
  std::optional<double> load_max_over_mean =
      std::nullopt;  // of ranks; asks for replicas, not for ranks
};

struct ScalingConfig {
  ScalingMode mode = ScalingMode::kAdvisory;
  ScalingBounds ranks{1, 64};
  ScalingBounds replicas{1, 1};  // copies of each expert; scaled only with load_max_over_mean
  ScalingTargets targets;
  Duration interval = std::chrono::seconds(5);           // between decisions
  Duration metrics_window = std::chrono::seconds(5);     // over which the inputs are averaged
  double tolerance = 0.1;                                // of the ratio value / target around 1
  Duration queue_drain_time = std::chrono::seconds(30);  // to work off a queue beyond its target
  double memory_share_max = 0.95;                        // what another replica may fill up to

  Duration stabilisation_up = Duration::zero();
  Duration stabilisation_down = std::chrono::seconds(300);
  double up_factor_max = 2;                              // per action; or by ...
  std::size_t up_count_max = 4;                          // ... so many, whichever is more
  double down_factor_max = 2;                            // per action; one is always allowed
  Duration cooldown_up = std::chrono::seconds(5);        // from the end of an action to the next up
  Duration cooldown_down = std::chrono::seconds(60);     // ... to the next down
  Duration dwell_min = std::chrono::seconds(300);        // between two changes of direction
  Duration action_time_max = std::chrono::seconds(120);  // longer raises an alarm

  Duration panic_window = std::chrono::seconds(6);
  Duration panic_stable = std::chrono::seconds(60);  // panic ends after so long without its reason
  double panic_factor = 2;                           // need / what there is
  PanicRule panic_rule = PanicRule::kKeepsDwell;
  std::uint32_t missing_alarm_intervals = 3;  // in a row without a metric that is expected

  // Errors: kConfig naming the field and the rule it breaks.
  [[nodiscard]] Result<void> validate() const;
};

// The defaults, switched off.
[[nodiscard]] inline ScalingConfig no_scaling() {
  ScalingConfig config;
  config.mode = ScalingMode::kOff;
  return config;
}

// Errors: kConfig with the list of names.
[[nodiscard]] Result<ScalingMode> parse_scaling_mode(std::string_view name);
[[nodiscard]] std::string_view to_string(ScalingMode mode) noexcept;

}  // namespace switchyard::control
