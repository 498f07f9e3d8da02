// runtime/routing/policies/budget.h -- exact thresholds for a wanted mean k, from recorded tokens.
// No search over thresholds is needed where a rule takes one more expert exactly when the threshold
// passes a critical value: the threshold is then a quantile of the critical values.
// Thread safety: functions without state.
#pragma once

#include <functional>

#include "runtime/routing/policies/policy_keys.h"

namespace switchyard::routing {

// The expert at rank j (0-based, k_min <= j < k_max) is kept iff ease(token, j) >= threshold.
// ease is non-increasing in j.
using Ease = double (*)(const TokenView& token, std::size_t rank);

// The threshold (one per layer) with which the recorded tokens use `mean_k` experts on average.
[[nodiscard]] Result<LayerThresholds> solve_ease(const RecordedTokens& tokens, std::size_t layers,
                                                 KRange range, double mean_k, Pooling pooling,
                                                 Ease ease);

// Score -> k by quantiles: k = k_min + #{m : score >= threshold_m}, k_max - k_min ascending
// thresholds per layer. The wanted histogram is the ramp k = k_min + (k_max - k_min) u^g, u the
// score's quantile, rounded; g by bisection so that the mean is `mean_k`.
using Score = std::function<float(const TokenView& token)>;
[[nodiscard]] Result<LayerThresholds> solve_score(const RecordedTokens& tokens, std::size_t layers,
                                                  KRange range, double mean_k, Pooling pooling,
                                                  RuleNeeds needs, const Score& score);

}  // namespace switchyard::routing
