// runtime/control/scaling_metrics.h -- what the autoscaler looks at, and each metric's ratio to its
// target. Ratio above 1: too little of what is scaled. Missing stays missing.
// A rank without a sample is counted so that it dampens (as the Kubernetes autoscaler does): as
// idle when the others ask for more, as exactly on target when they ask for less; when that turns
// the direction around, the metric asks for nothing. Thread safety: plain values and functions
// without state.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/ids.h"
#include "runtime/control/scaling_config.h"

namespace switchyard::control {

// An expert rank that serves, with what it last reported; nothing: no fresh report.
struct RankSample {
  RankId rank;
  std::optional<double> busy_share;
  std::optional<double> cpu_share;     // 0..1 of the cores that it may use
  std::optional<double> memory_share;  // 0..1 of the memory that it may have
  bool needed = false;                 // a residency rule has no other: it goes last
};

struct ScalingInput {
  std::vector<RankSample> expert_ranks;  // serving ones only
  std::optional<double> queue_delay_us_p95;
  std::optional<double> step_us_p95;
  std::optional<double> load_max_over_mean;
  std::size_t replicas = 1;         // copies of each expert in the present placement
  std::size_t spares_ready = 0;     // parked ranks that can be activated
  std::size_t spawnable_count = 0;  // processes that could still be started
};

enum class ScalingMetric { kBusy, kQueueDelay, kStepLatency, kCpu, kMemory, kLoadSkew };

struct MetricReading {
  ScalingMetric metric = ScalingMetric::kBusy;
  double target = 0;
  std::optional<double> value;
  std::optional<double> ratio;    // nothing: the metric is missing
  std::size_t ranks_missing = 0;  // of a metric per rank

  [[nodiscard]] std::string text() const;  // "busy_share 0.91 of 0.70 (ratio 1.30)"
};

// Those with a target that ask for expert ranks.
[[nodiscard]] std::vector<MetricReading> rank_readings(const ScalingInput& input,
                                                       const ScalingConfig& config);
// Those that ask for replicas.
[[nodiscard]] std::vector<MetricReading> replica_readings(const ScalingInput& input,
                                                          const ScalingConfig& config);

// The fullest rank; nothing when a rank does not say.
[[nodiscard]] std::optional<double> fullest_memory_share(const ScalingInput& input);

[[nodiscard]] std::string_view to_string(ScalingMetric metric) noexcept;

}  // namespace switchyard::control
