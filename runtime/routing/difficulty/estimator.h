// runtime/routing/difficulty/estimator.h -- a token's difficulty as one number: higher = harder.
// Only the order matters to calibrated rules. Per token and local; no estimator looks at the batch.
// To add one: difficulty/<name>.cpp with a `<name>_estimator()` and a line in estimator_table.cpp.
// Thread safety: values.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "runtime/routing/policies/rule.h"

namespace switchyard::routing {

// What an estimator may know besides the token.
struct EstimatorSetup {
  std::size_t k_min = 1;
  // -ln of the smoothed unigram probability of each token id, the last for all ids beyond; empty
  // without token counts.
  std::span<const float> token_surprise;
};

struct Estimator {
  std::string_view name;
  std::string_view summary;
  RuleNeeds needs;
  bool needs_token_counts = false;
  // NaN: no answer for this token.
  float (*score)(const TokenView& token, const EstimatorSetup& setup) noexcept = nullptr;
  // The same by a device that holds the logits; none where it needs more than they say.
  std::optional<StepSignal> device_signal = std::nullopt;
};

[[nodiscard]] Estimator variance_estimator();
[[nodiscard]] Estimator entropy_estimator();
[[nodiscard]] Estimator margin_estimator();
[[nodiscard]] Estimator mass_estimator();
[[nodiscard]] Estimator prior_estimator();
[[nodiscard]] Estimator p1_estimator();

}  // namespace switchyard::routing
