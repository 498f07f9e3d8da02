// Variance of the residual stream before the norm. After RMSNorm it would be 1 for every token.
#include "runtime/routing/difficulty/estimator.h"

namespace switchyard::routing {
namespace {

float score(const TokenView& token, const EstimatorSetup& /*setup*/) noexcept {
  return token.residual_variance;
}

}  // namespace

Estimator variance_estimator() {
  return {"variance", "variance of the residual before the norm", RuleNeeds{false, true, false},
          false, &score};
}

}  // namespace switchyard::routing
