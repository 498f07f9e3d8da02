// relative:t=,k_min=,k_max= -- keep rank j if p_j >= t * p_1 (ik_llama.cpp's "SER"; Lu et al. 2024
// at k = 2). t=0 is the static rule with k_max experts. mean_k= instead of t=: calibrated;
// per_layer=1 gives each layer its own t.
#include "runtime/routing/policies/relative.h"

#include "runtime/routing/policies/budget.h"

namespace switchyard::routing {
namespace {

class RelativeRule final : public CountRule {
 public:
  RelativeRule(KRange range, LayerThresholds t) : range_(range), t_(std::move(t)) {}

  [[nodiscard]] std::size_t count(const TokenView& token) const noexcept override {
    const double least = t_.of(token.layer)[0] * static_cast<double>(token.shares[0]);
    std::size_t k = range_.low;
    while (k < range_.high && static_cast<double>(token.shares[k]) >= least) ++k;
    return k;
  }

 private:
  KRange range_;
  LayerThresholds t_;
};

double ratio(const TokenView& token, std::size_t rank) {
  return static_cast<double>(token.shares[rank]) / static_cast<double>(token.shares[0]);
}

struct Keys {
  KRange range;
  std::optional<double> t;
  std::optional<double> mean_k;
  Pooling pooling = Pooling::kAllLayers;
  std::string spec;
};

Result<Keys> read(const PolicyInput& input) {
  Keys keys;
  SY_ASSIGN(keys.range, read_k_range(input));
  SY_ASSIGN(keys.t, input.spec.number("t", Range{0, 1}));
  SY_ASSIGN(keys.mean_k, read_mean_k(input, keys.range));
  SY_ASSIGN(keys.pooling, read_pooling(input, Pooling::kAllLayers));
  if (keys.t.has_value() == keys.mean_k.has_value()) {
    return fail(ErrorCode::kUsage, "routing policy relative: give t= or mean_k=");
  }
  SpecText text("relative");
  if (keys.t) text.add("t", *keys.t);
  if (keys.mean_k) text.add("mean_k", *keys.mean_k);
  text.add("k_min", keys.range.low).add("k_max", keys.range.high);
  if (keys.mean_k && keys.pooling == Pooling::kEachLayer) text.add("per_layer", 1);
  keys.spec = text.str();
  return keys;
}

Result<BuiltPolicy> make(const PolicyInput& input) {
  SY_ASSIGN(Keys keys, read(input));
  LayerThresholds t;
  if (keys.t) {
    t = LayerThresholds::uniform(input.convention.layers, std::span(&*keys.t, 1));
  } else {
    SY_ASSIGN(t, calibrated(input, keys.spec, 1));
  }
  BuiltPolicy built;
  built.spec = std::move(keys.spec);
  built.rule = std::make_unique<RelativeRule>(keys.range, std::move(t));
  built.k_max = keys.range.high;
  built.convention = input.convention;
  return built;
}

Result<CalibrationEntry> solve(const PolicyInput& input, const RecordedTokens& tokens) {
  SY_ASSIGN(const Keys keys, read(input));
  if (!keys.mean_k) return fail(ErrorCode::kUsage, "routing policy relative: mean_k= is missing");
  CalibrationEntry found;
  found.spec = keys.spec;
  SY_ASSIGN(found.thresholds, solve_ease(tokens, input.convention.layers, keys.range, *keys.mean_k,
                                         keys.pooling, &ratio));
  return found;
}

}  // namespace

PolicyEntry relative_policy() {
  return {"relative",
          "dynamic: experts with at least t times the best one's probability",
          {"t", "mean_k", "k_min", "k_max", "per_layer"},
          &make,
          &solve};
}

}  // namespace switchyard::routing
