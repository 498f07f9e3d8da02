// -ln unigram(token id): rare tokens are hard. Known before the layer runs. An id outside the
// calibrated vocabulary is as rare as one that was never seen.
#include "runtime/routing/difficulty/estimator.h"

#include <algorithm>
#include <limits>

namespace switchyard::routing {
namespace {

float score(const TokenView& token, const EstimatorSetup& setup) noexcept {
  if (setup.token_surprise.empty()) return std::numeric_limits<float>::quiet_NaN();
  return setup
      .token_surprise[std::min<std::size_t>(token.token_id, setup.token_surprise.size() - 1)];
}

}  // namespace

Estimator prior_estimator() {
  return {"prior", "rarity of the token in the calibration text", {}, true, &score};
}

}  // namespace switchyard::routing
