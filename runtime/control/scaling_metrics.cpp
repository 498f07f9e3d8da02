#include "runtime/control/scaling_metrics.h"

#include <algorithm>
#include <cmath>

namespace switchyard::control {
namespace {

using Member = std::optional<double> RankSample::*;

std::optional<double> finite(std::optional<double> value) {
  return value && std::isfinite(*value) && *value >= 0 ? value : std::nullopt;
}

struct Known {
  std::vector<double> values;
  std::size_t missing = 0;
};

Known known(const ScalingInput& input, Member member) {
  Known out;
  for (const RankSample& sample : input.expert_ranks) {
    if (const auto value = finite(sample.*member)) {
      out.values.push_back(*value);
    } else {
      ++out.missing;
    }
  }
  return out;
}

MetricReading mean_reading(ScalingMetric metric, double target, const Known& known,
                           double tolerance) {
  MetricReading out{metric, target, std::nullopt, std::nullopt, known.missing};
  if (known.values.empty()) return out;
  double sum = 0;
  for (const double value : known.values) sum += value;
  out.value = sum / static_cast<double>(known.values.size());
  const double ratio = *out.value / target;
  out.ratio = ratio;
  if (known.missing == 0 || std::abs(ratio - 1) <= tolerance) return out;
  const auto missing = static_cast<double>(known.missing);
  const auto all = static_cast<double>(known.values.size()) + missing;
  const double damped = (ratio > 1 ? sum : sum + missing * target) / (all * target);
  out.ratio = ratio > 1 ? std::max(damped, 1.0) : std::min(damped, 1.0);
  return out;
}

MetricReading max_reading(ScalingMetric metric, double target, const Known& known) {
  MetricReading out{metric, target, std::nullopt, std::nullopt, known.missing};
  if (known.values.empty()) return out;
  out.value = *std::ranges::max_element(known.values);
  out.ratio = *out.value / target;
  if (known.missing > 0) out.ratio = std::max(*out.ratio, 1.0);
  return out;
}

MetricReading plain_reading(ScalingMetric metric, double target, std::optional<double> value) {
  MetricReading out{metric, target, finite(value), std::nullopt, 0};
  if (out.value) out.ratio = *out.value / target;
  return out;
}

// A delay of d seconds means d seconds of work for what there is (Little's law). To work off what
// is beyond the target within queue_drain_time takes that share more. The plain quotient would ask
// for a thousand times the ranks when a queue of a second meets a target of a millisecond.
MetricReading queue_reading(double target_us, const ScalingInput& input,
                            const ScalingConfig& config) {
  auto out = plain_reading(ScalingMetric::kQueueDelay, target_us, input.queue_delay_us_p95);
  if (out.value && *out.value > target_us) {
    out.ratio = 1 + (*out.value - target_us) * 1e-6 / to_seconds(config.queue_drain_time);
  }
  return out;
}

}  // namespace

std::vector<MetricReading> rank_readings(const ScalingInput& input, const ScalingConfig& config) {
  const ScalingTargets& targets = config.targets;
  std::vector<MetricReading> out;
  if (targets.busy_share) {
    out.push_back(mean_reading(ScalingMetric::kBusy, *targets.busy_share,
                               known(input, &RankSample::busy_share), config.tolerance));
  }
  if (targets.queue_delay_us_p95) {
    out.push_back(queue_reading(*targets.queue_delay_us_p95, input, config));
  }
  if (targets.step_us_p95) {
    out.push_back(
        plain_reading(ScalingMetric::kStepLatency, *targets.step_us_p95, input.step_us_p95));
  }
  if (targets.cpu_share) {
    out.push_back(mean_reading(ScalingMetric::kCpu, *targets.cpu_share,
                               known(input, &RankSample::cpu_share), config.tolerance));
  }
  if (targets.memory_share) {
    out.push_back(max_reading(ScalingMetric::kMemory, *targets.memory_share,
                              known(input, &RankSample::memory_share)));
  }
  return out;
}

std::vector<MetricReading> replica_readings(const ScalingInput& input,
                                            const ScalingConfig& config) {
  std::vector<MetricReading> out;
  if (config.targets.load_max_over_mean) {
    out.push_back(plain_reading(ScalingMetric::kLoadSkew, *config.targets.load_max_over_mean,
                                input.load_max_over_mean));
  }
  return out;
}

std::optional<double> fullest_memory_share(const ScalingInput& input) {
  const Known memory = known(input, &RankSample::memory_share);
  if (memory.values.empty() || memory.missing > 0) return std::nullopt;
  return *std::ranges::max_element(memory.values);
}

std::string MetricReading::text() const {
  if (!value) return fmt::format("{} missing", to_string(metric));
  return fmt::format("{} {:.4g} of {:.4g} (ratio {:.2f}{})", to_string(metric), *value, target,
                     ratio.value_or(0),
                     ranks_missing > 0 ? fmt::format(", {} ranks missing", ranks_missing) : "");
}

std::string_view to_string(ScalingMetric metric) noexcept {
  switch (metric) {
    case ScalingMetric::kBusy: return "busy_share";
    case ScalingMetric::kQueueDelay: return "queue_delay_us_p95";
    case ScalingMetric::kStepLatency: return "step_us_p95";
    case ScalingMetric::kCpu: return "cpu_share";
    case ScalingMetric::kMemory: return "memory_share";
    case ScalingMetric::kLoadSkew: return "load_max_over_mean";
  }
  return "unknown";
}

}  // namespace switchyard::control
