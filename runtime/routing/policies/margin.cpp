// margin:thresholds= | a=,b= | mean_k=, k_min=,k_max= -- more experts the larger 1 - (p_1 - p_2)
// is.
#include "runtime/routing/policies/margin.h"

#include "runtime/routing/policies/threshold_policy.h"

namespace switchyard::routing {
namespace {

Result<BuiltPolicy> make(const PolicyInput& input) {
  const Estimator estimator = margin_estimator();
  return make_threshold_policy(input, {"margin", &estimator, false, Pooling::kAllLayers});
}

Result<CalibrationEntry> solve(const PolicyInput& input, const RecordedTokens& tokens) {
  const Estimator estimator = margin_estimator();
  return solve_threshold_policy(input, tokens, {"margin", &estimator, false, Pooling::kAllLayers});
}

}  // namespace

PolicyEntry margin_policy() {
  return {"margin", "dynamic: k grows with 1 - (p_1 - p_2)", threshold_keys(), &make, &solve};
}

}  // namespace switchyard::routing
