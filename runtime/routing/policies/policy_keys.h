// runtime/routing/policies/policy_keys.h -- the keys that several policies share: k range and
// budget. Thread safety: functions without state. Errors: kUsage naming the key.
#pragma once

#include "runtime/routing/policies/policy.h"

namespace switchyard::routing {

struct KRange {
  std::size_t low = 1;
  std::size_t high = 1;
};

// k_min= (default 1) and k_max= (default the checkpoint's k); 1 <= k_min <= k_max <= E.
[[nodiscard]] Result<KRange> read_k_range(const PolicyInput& input);

// mean_k= within the k range, or nothing.
[[nodiscard]] Result<std::optional<double>> read_mean_k(const PolicyInput& input, KRange range);

// Whether each layer gets thresholds of its own (per_layer=1) or all share them (per_layer=0).
enum class Pooling { kAllLayers, kEachLayer };
[[nodiscard]] Result<Pooling> read_pooling(const PolicyInput& input, Pooling absent);

// The calibrated thresholds of canonical spec `key`, `count` per layer.
[[nodiscard]] Result<LayerThresholds> calibrated(const PolicyInput& input, std::string_view key,
                                                 std::size_t count);

}  // namespace switchyard::routing
