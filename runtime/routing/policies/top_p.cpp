// top-p:theta=,k_min=,k_max= -- the fewest experts whose probabilities add up to at least theta,
// clamped (Huang et al. 2024). theta=1 means all, that is k_max. mean_k= instead of theta=:
// calibrated; per_layer=1 gives each layer its own theta.
#include "runtime/routing/policies/top_p.h"

#include <algorithm>

#include "runtime/routing/policies/budget.h"

namespace switchyard::routing {
namespace {

class TopPRule final : public CountRule {
 public:
  TopPRule(KRange range, LayerThresholds theta) : range_(range), theta_(std::move(theta)) {}

  [[nodiscard]] std::size_t count(const TokenView& token) const noexcept override {
    const double theta = theta_.of(token.layer)[0];
    // A rounded prefix can reach 1 early; the exact sum cannot.
    if (theta >= 1.0) return range_.high;
    double sum = 0;
    std::size_t k = 0;
    while (k < range_.high && (k < range_.low || sum < theta)) {
      sum += static_cast<double>(token.shares[k]);
      ++k;
    }
    return k;
  }

 private:
  KRange range_;
  LayerThresholds theta_;
};

// Rank j is kept iff the ranks before it sum to less than theta: iff 1 - sum > 1 - theta.
double mass_left(const TokenView& token, std::size_t rank) {
  double sum = 0;
  for (std::size_t j = 0; j < rank; ++j) sum += static_cast<double>(token.shares[j]);
  return std::max(0.0, 1.0 - sum);
}

struct Keys {
  KRange range;
  std::optional<double> theta;
  std::optional<double> mean_k;
  Pooling pooling = Pooling::kAllLayers;
  std::string spec;
};

Result<Keys> read(const PolicyInput& input) {
  Keys keys;
  SY_ASSIGN(keys.range, read_k_range(input));
  SY_ASSIGN(keys.theta, input.spec.number("theta", Range{0, 1}));
  SY_ASSIGN(keys.mean_k, read_mean_k(input, keys.range));
  SY_ASSIGN(keys.pooling, read_pooling(input, Pooling::kAllLayers));
  if (keys.theta.has_value() == keys.mean_k.has_value()) {
    return fail(ErrorCode::kUsage, "routing policy top-p: give theta= or mean_k=");
  }
  SpecText text("top-p");
  if (keys.theta) text.add("theta", *keys.theta);
  if (keys.mean_k) text.add("mean_k", *keys.mean_k);
  text.add("k_min", keys.range.low).add("k_max", keys.range.high);
  if (keys.mean_k && keys.pooling == Pooling::kEachLayer) text.add("per_layer", 1);
  keys.spec = text.str();
  return keys;
}

Result<BuiltPolicy> make(const PolicyInput& input) {
  SY_ASSIGN(Keys keys, read(input));
  LayerThresholds theta;
  if (keys.theta) {
    theta = LayerThresholds::uniform(input.convention.layers, std::span(&*keys.theta, 1));
  } else {
    SY_ASSIGN(theta, calibrated(input, keys.spec, 1));
  }
  BuiltPolicy built;
  built.spec = std::move(keys.spec);
  built.rule = std::make_unique<TopPRule>(keys.range, std::move(theta));
  built.k_max = keys.range.high;
  built.convention = input.convention;
  return built;
}

Result<CalibrationEntry> solve(const PolicyInput& input, const RecordedTokens& tokens) {
  SY_ASSIGN(const Keys keys, read(input));
  if (!keys.mean_k) return fail(ErrorCode::kUsage, "routing policy top-p: mean_k= is missing");
  CalibrationEntry found;
  found.spec = keys.spec;
  SY_ASSIGN(found.thresholds, solve_ease(tokens, input.convention.layers, keys.range, *keys.mean_k,
                                         keys.pooling, &mass_left));
  for (double& value : found.thresholds.values) value = 1.0 - value;
  return found;
}

}  // namespace

PolicyEntry top_p_policy() {
  return {"top-p",
          "dynamic: the fewest experts that hold a share theta of the gate's mass",
          {"theta", "mean_k", "k_min", "k_max", "per_layer"},
          &make,
          &solve};
}

}  // namespace switchyard::routing
