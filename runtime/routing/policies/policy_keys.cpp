#include "runtime/routing/policies/policy_keys.h"

namespace switchyard::routing {

Result<KRange> read_k_range(const PolicyInput& input) {
  const std::size_t experts = input.convention.experts;
  KRange range;
  SY_ASSIGN(range.low, input.spec.whole("k_min", 1, 1, experts));
  SY_ASSIGN(range.high,
            input.spec.whole("k_max", std::max(range.low, input.convention.k_static), 1, experts));
  if (range.low > range.high) {
    return fail(ErrorCode::kUsage, "routing policy {}: k_min {} is above k_max {}",
                input.spec.name(), range.low, range.high);
  }
  return range;
}

Result<std::optional<double>> read_mean_k(const PolicyInput& input, KRange range) {
  return input.spec.number("mean_k",
                           Range{static_cast<double>(range.low), static_cast<double>(range.high)});
}

Result<Pooling> read_pooling(const PolicyInput& input, Pooling absent) {
  SY_ASSIGN(const std::size_t each,
            input.spec.whole("per_layer", absent == Pooling::kEachLayer ? 1 : 0, 0, 1));
  return each == 1 ? Pooling::kEachLayer : Pooling::kAllLayers;
}

Result<LayerThresholds> calibrated(const PolicyInput& input, std::string_view key,
                                   std::size_t count) {
  if (input.calibration == nullptr) {
    return fail(ErrorCode::kUsage, "routing policy {}: mean_k= needs a calibration file",
                input.spec.name());
  }
  SY_ASSIGN(const CalibrationEntry* entry, input.calibration->find(key));
  if (entry->thresholds.count != count) {
    return fail(ErrorCode::kBadInput, "calibration: '{}': {} thresholds per layer, expected {}",
                key, entry->thresholds.count, count);
  }
  return entry->thresholds;
}

}  // namespace switchyard::routing
