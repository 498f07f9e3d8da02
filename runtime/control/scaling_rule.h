// runtime/control/scaling_rule.h -- the formula: from metric readings to the number that is wanted.
// wanted = ceil(current * ratio) per metric, current within the tolerance; the largest of all
// metrics wins. A missing metric may hide a need: the rest may then ask for more, never for less.
// Rule of the Kubernetes horizontal pod autoscaler. No memory, no limits: those come after
// (scaling_track.h). Thread safety: functions without state.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "runtime/control/scaling_metrics.h"

namespace switchyard::control {

struct RuleResult {
  std::size_t wanted = 0;
  std::optional<ScalingMetric> leader;  // the metric that asks for most; nothing: all are missing
  double need_ratio = 1;                // its ratio; 1 when there is none
  std::size_t missing_count = 0;        // expected metrics that are missing
  bool held = false;                    // less was wanted, but a metric is missing
};

// No readings at all: current is wanted.
[[nodiscard]] RuleResult apply_scaling_rule(std::size_t current,
                                            std::span<const MetricReading> readings,
                                            double tolerance);

}  // namespace switchyard::control
