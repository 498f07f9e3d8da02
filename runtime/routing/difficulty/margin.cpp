// 1 - (p_1 - p_2): how close the second expert is to the first.
#include "runtime/routing/difficulty/estimator.h"

namespace switchyard::routing {
namespace {

float score(const TokenView& token, const EstimatorSetup& /*setup*/) noexcept {
  if (token.shares.size() < 2) return 1.0F - token.shares[0];
  return 1.0F - (token.shares[0] - token.shares[1]);
}

}  // namespace

Estimator margin_estimator() {
  return {"margin", "closeness of the two best experts", {}, false, &score};
}

}  // namespace switchyard::routing
