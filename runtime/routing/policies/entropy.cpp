// entropy:thresholds= | a=,b= | mean_k=, k_min=,k_max= -- more experts the larger the gate's
// normalised entropy is.
#include "runtime/routing/policies/entropy.h"

#include "runtime/routing/policies/threshold_policy.h"

namespace switchyard::routing {
namespace {

Result<BuiltPolicy> make(const PolicyInput& input) {
  const Estimator estimator = entropy_estimator();
  return make_threshold_policy(input, {"entropy", &estimator, false, Pooling::kAllLayers});
}

Result<CalibrationEntry> solve(const PolicyInput& input, const RecordedTokens& tokens) {
  const Estimator estimator = entropy_estimator();
  return solve_threshold_policy(input, tokens, {"entropy", &estimator, false, Pooling::kAllLayers});
}

}  // namespace

PolicyEntry entropy_policy() {
  return {"entropy", "dynamic: k grows with the gate's normalised entropy", threshold_keys(), &make,
          &solve};
}

}  // namespace switchyard::routing
