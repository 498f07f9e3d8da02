#include "runtime/routing/policies/cut_policy.h"

namespace switchyard::routing {
namespace {

struct Keys {
  KRange range;
  std::optional<double> cut;
  std::optional<double> mean_k;
  Pooling pooling = Pooling::kAllLayers;
  std::string spec;
};

Result<Keys> read(const PolicyInput& input, const CutPolicy& policy) {
  Keys keys;
  SY_ASSIGN(keys.range, read_k_range(input));
  SY_ASSIGN(keys.cut, input.spec.number(policy.key, Range{0, 1}));
  SY_ASSIGN(keys.mean_k, read_mean_k(input, keys.range));
  SY_ASSIGN(keys.pooling, read_pooling(input, Pooling::kAllLayers));
  if (keys.cut.has_value() == keys.mean_k.has_value()) {
    return fail(ErrorCode::kUsage, "routing policy {}: give {}= or mean_k=", policy.name,
                policy.key);
  }
  SpecText text(policy.name);
  if (keys.cut) text.add(policy.key, *keys.cut);
  if (keys.mean_k) text.add("mean_k", *keys.mean_k);
  text.add("k_min", keys.range.low).add("k_max", keys.range.high);
  if (keys.mean_k && keys.pooling == Pooling::kEachLayer) text.add("per_layer", 1);
  keys.spec = text.str();
  return keys;
}

}  // namespace

bool compile_cut(KeepRule keep, KRange range, double cut, SelectionRule& out) noexcept {
  out.keep = keep;
  out.k_min = static_cast<std::uint32_t>(range.low);
  out.k_max = static_cast<std::uint32_t>(range.high);
  out.cut = cut;
  return true;
}

std::vector<std::string_view> cut_keys(const CutPolicy& policy) {
  return {policy.key, "mean_k", "k_min", "k_max", "per_layer"};
}

Result<BuiltPolicy> make_cut_policy(const PolicyInput& input, const CutPolicy& policy) {
  SY_ASSIGN(Keys keys, read(input, policy));
  LayerThresholds cuts;
  if (keys.cut) {
    cuts = LayerThresholds::uniform(input.convention.layers, std::span(&*keys.cut, 1));
  } else {
    SY_ASSIGN(cuts, calibrated(input, keys.spec, 1));
  }
  BuiltPolicy built;
  built.spec = std::move(keys.spec);
  built.rule = policy.rule(keys.range, std::move(cuts));
  built.k_max = keys.range.high;
  built.convention = input.convention;
  return built;
}

Result<CalibrationEntry> solve_cut_policy(const PolicyInput& input, const RecordedTokens& tokens,
                                          const CutPolicy& policy) {
  SY_ASSIGN(const Keys keys, read(input, policy));
  if (!keys.mean_k) {
    return fail(ErrorCode::kUsage, "routing policy {}: mean_k= is missing", policy.name);
  }
  CalibrationEntry found;
  found.spec = keys.spec;
  SY_ASSIGN(found.thresholds, solve_ease(tokens, input.convention.layers, keys.range, *keys.mean_k,
                                         keys.pooling, policy.ease));
  for (double& value : found.thresholds.values) value = policy.cut_of_ease(value);
  return found;
}

}  // namespace switchyard::routing
