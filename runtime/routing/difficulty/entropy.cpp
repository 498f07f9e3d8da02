// Normalised entropy of the gate: 0 = one expert takes all, 1 = uniform.
#include "runtime/routing/difficulty/estimator.h"

namespace switchyard::routing {
namespace {

float score(const TokenView& token, const EstimatorSetup& /*setup*/) noexcept {
  return token.entropy;
}

}  // namespace

Estimator entropy_estimator() {
  return {"entropy", "entropy of the gate", RuleNeeds{true, false, false}, false,
          &score,    StepSignal::kEntropy};
}

}  // namespace switchyard::routing
