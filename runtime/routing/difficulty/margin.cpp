// 1 - (p_1 - p_2): how close the second expert is to the first.
#include "runtime/base/gate_math.h"
#include "runtime/routing/difficulty/estimator.h"

namespace switchyard::routing {
namespace {

float score(const TokenView& token, const EstimatorSetup& /*setup*/) noexcept {
  return margin_signal([&](std::size_t rank) { return token.shares[rank]; }, token.shares.size());
}

}  // namespace

Estimator margin_estimator() {
  return {"margin", "closeness of the two best experts", {}, false, &score, StepSignal::kMargin};
}

}  // namespace switchyard::routing
