// runtime/routing/policies/threshold_policy.h -- k = k_min + #{m : score >= threshold_m}: the
// shared part of the policies entropy, margin and difficulty, which differ in their estimator only.
// Thresholds come from thresholds=0.2/0.4 (k_max - k_min of them, ascending, all layers alike),
// from a= and b= (k rises linearly from k_min at a to k_max just below b), or from mean_k=
// (calibrated). Thread safety: functions without state.
#pragma once

#include "runtime/routing/difficulty/estimator.h"
#include "runtime/routing/policies/policy_keys.h"

namespace switchyard::routing {

struct ThresholdPolicy {
  std::string_view name;  // of the policy
  const Estimator* estimator = nullptr;
  bool print_estimator = false;           // the spec has estimator=
  Pooling pooling = Pooling::kAllLayers;  // default of per_layer=
};

// The keys that every threshold policy takes.
[[nodiscard]] std::vector<std::string_view> threshold_keys();

[[nodiscard]] Result<BuiltPolicy> make_threshold_policy(const PolicyInput& input,
                                                        const ThresholdPolicy& policy);
[[nodiscard]] Result<CalibrationEntry> solve_threshold_policy(const PolicyInput& input,
                                                              const RecordedTokens& tokens,
                                                              const ThresholdPolicy& policy);

}  // namespace switchyard::routing
