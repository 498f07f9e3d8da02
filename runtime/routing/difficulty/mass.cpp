// 1 - the mass of the k_min best experts: what the smallest selection would miss.
#include "runtime/routing/difficulty/estimator.h"

namespace switchyard::routing {
namespace {

float score(const TokenView& token, const EstimatorSetup& setup) noexcept {
  double sum = 0;
  for (std::size_t j = 0; j < setup.k_min; ++j) sum += static_cast<double>(token.shares[j]);
  return static_cast<float>(1.0 - sum);
}

}  // namespace

Estimator mass_estimator() {
  return {"mass", "gate mass outside the k_min best experts", {}, false, &score};
}

}  // namespace switchyard::routing
