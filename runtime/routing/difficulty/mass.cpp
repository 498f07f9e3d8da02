// 1 - the mass of the k_min best experts: what the smallest selection would miss.
#include "runtime/base/gate_math.h"
#include "runtime/routing/difficulty/estimator.h"

namespace switchyard::routing {
namespace {

float score(const TokenView& token, const EstimatorSetup& setup) noexcept {
  return mass_signal([&](std::size_t rank) { return token.shares[rank]; }, setup.k_min);
}

}  // namespace

Estimator mass_estimator() {
  return {"mass", "gate mass outside the k_min best experts", {}, false, &score, StepSignal::kMass};
}

}  // namespace switchyard::routing
