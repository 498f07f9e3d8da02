// difficulty:estimator=,mean_k=,k_min=,k_max= -- k from any estimator of difficulty/, by thresholds
// that are quantiles of its score on calibration tokens, for each layer by itself unless
// per_layer=0.
#include "runtime/routing/policies/difficulty.h"

#include "runtime/routing/difficulty/estimator_table.h"
#include "runtime/routing/policies/threshold_policy.h"

namespace switchyard::routing {
namespace {

Result<ThresholdPolicy> read(const PolicyInput& input) {
  SY_ASSIGN(const Estimator* estimator,
            find_estimator(input.spec.text("estimator").value_or("entropy")));
  return ThresholdPolicy{"difficulty", estimator, true, Pooling::kEachLayer};
}

Result<BuiltPolicy> make(const PolicyInput& input) {
  SY_ASSIGN(const ThresholdPolicy policy, read(input));
  return make_threshold_policy(input, policy);
}

Result<CalibrationEntry> solve(const PolicyInput& input, const RecordedTokens& tokens) {
  SY_ASSIGN(const ThresholdPolicy policy, read(input));
  return solve_threshold_policy(input, tokens, policy);
}

}  // namespace

PolicyEntry difficulty_policy() {
  std::vector<std::string_view> keys = threshold_keys();
  keys.insert(keys.begin(), "estimator");
  return {"difficulty", "dynamic: k grows with an estimate of the token's difficulty", keys, &make,
          &solve};
}

}  // namespace switchyard::routing
