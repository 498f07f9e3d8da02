// 1 - p_1: the mass that the best expert does not have.
#include "runtime/routing/difficulty/estimator.h"

namespace switchyard::routing {
namespace {

float score(const TokenView& token, const EstimatorSetup& /*setup*/) noexcept {
  return 1.0F - token.shares[0];
}

}  // namespace

Estimator p1_estimator() {
  return {"p1", "1 - the best expert's probability", {}, false, &score, StepSignal::kBest};
}

}  // namespace switchyard::routing
