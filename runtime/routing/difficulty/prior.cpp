// -ln unigram(token id): rare tokens are hard. Known before the layer runs. An id outside the
// calibrated vocabulary has no answer.
#include "runtime/routing/difficulty/estimator.h"

#include <limits>

namespace switchyard::routing {
namespace {

float score(const TokenView& token, const EstimatorSetup& setup) noexcept {
  if (token.token_id >= setup.token_surprise.size()) {
    return std::numeric_limits<float>::quiet_NaN();
  }
  return setup.token_surprise[token.token_id];
}

}  // namespace

Estimator prior_estimator() {
  return {"prior", "rarity of the token in the calibration text", {}, true, &score};
}

}  // namespace switchyard::routing
