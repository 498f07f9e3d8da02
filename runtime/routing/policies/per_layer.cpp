// per-layer:k=4/4/3 or per-layer:file=K.json ([4, 4, 3]) -- a constant k for each MoE layer.
// mean_k=,k_min=,k_max= in their place: calibrated. Every layer starts with k_min; each further
// expert goes to the layer whose gate then covers most of its mass for it, until the mean over the
// layers is mean_k (to 1/layers). Its "thresholds" in the calibration file are the k of each layer.
#include "runtime/routing/policies/per_layer.h"

#include <algorithm>
#include <cmath>

#include "runtime/routing/json_file.h"
#include "runtime/routing/policies/fixed_rule.h"
#include "runtime/routing/policies/policy_keys.h"

namespace switchyard::routing {
namespace {

constexpr std::string_view kName = "per-layer";

struct Budget {
  KRange range;
  double mean_k = 0;
  std::string spec;  // canonical
};

Result<Budget> read_budget(const PolicyInput& input) {
  Budget budget;
  SY_ASSIGN(budget.range, read_k_range(input));
  SY_ASSIGN(const auto mean_k, read_mean_k(input, budget.range));
  if (!mean_k) return fail(ErrorCode::kUsage, "routing policy per-layer: mean_k= is missing");
  budget.mean_k = *mean_k;
  budget.spec = SpecText(kName)
                    .add("mean_k", budget.mean_k)
                    .add("k_min", budget.range.low)
                    .add("k_max", budget.range.high)
                    .str();
  return budget;
}

// [layers] whole numbers of a calibration file.
Result<std::vector<std::size_t>> calibrated_k(const PolicyInput& input, const Budget& budget) {
  SY_ASSIGN(const LayerThresholds found, calibrated(input, budget.spec, 1));
  std::vector<std::size_t> k_by_layer;
  for (const double value : found.values) {
    if (!(value >= static_cast<double>(budget.range.low) &&
          value <= static_cast<double>(budget.range.high)) ||
        value != std::floor(value)) {
      return fail(ErrorCode::kBadInput, "calibration: '{}': {} is no k of {}..{}", budget.spec,
                  value, budget.range.low, budget.range.high);
    }
    k_by_layer.push_back(static_cast<std::size_t>(value));
  }
  return k_by_layer;
}

Result<BuiltPolicy> make_budgeted(const PolicyInput& input) {
  SY_ASSIGN(Budget budget, read_budget(input));
  BuiltPolicy built;
  SY_ASSIGN(auto k_by_layer, calibrated_k(input, budget));
  built.spec = std::move(budget.spec);
  built.k_max = budget.range.high;
  built.rule = std::make_unique<FixedRule>(std::move(k_by_layer));
  built.convention = input.convention;
  return built;
}

Result<BuiltPolicy> make(const PolicyInput& input) {
  const RouterConvention& convention = input.convention;
  const auto path = input.spec.text("file");
  const int given =
      (path ? 1 : 0) + (input.spec.has("k") ? 1 : 0) + (input.spec.has("mean_k") ? 1 : 0);
  if (given != 1) {
    return fail(ErrorCode::kUsage, "routing policy per-layer: give one of k=, file= and mean_k=");
  }
  if (input.spec.has("mean_k")) return make_budgeted(input);
  if (input.spec.has("k_min") || input.spec.has("k_max")) {
    return fail(ErrorCode::kUsage, "routing policy per-layer: k_min= and k_max= go with mean_k=");
  }
  std::vector<std::size_t> k_by_layer;
  if (path) {
    SY_ASSIGN(k_by_layer, read_whole_list(std::string(*path), 1, convention.experts));
  } else {
    SY_ASSIGN(k_by_layer, input.spec.wholes("k", 1, convention.experts));
  }
  if (k_by_layer.size() != convention.layers) {
    return fail(ErrorCode::kUsage, "routing policy per-layer: {} values for {} MoE layers",
                k_by_layer.size(), convention.layers);
  }
  BuiltPolicy built;
  built.spec = SpecText(kName).add_list("k", std::span<const std::size_t>(k_by_layer)).str();
  built.k_max = *std::max_element(k_by_layer.begin(), k_by_layer.end());
  built.rule = std::make_unique<FixedRule>(std::move(k_by_layer));
  built.convention = convention;
  return built;
}

// Mean share of the experts of each rank, [ranks]: what one more expert would cover.
std::vector<double> mean_shares(const RecordedTokens& tokens, std::size_t layer,
                                std::size_t ranks) {
  std::vector<double> sums(ranks);
  tokens.visit(layer, ranks, {}, [&](const TokenView& token) {
    for (std::size_t j = 0; j < ranks; ++j) sums[j] += static_cast<double>(token.shares[j]);
  });
  for (double& sum : sums) sum /= static_cast<double>(tokens.count(layer));
  return sums;
}

Result<CalibrationEntry> solve(const PolicyInput& input, const RecordedTokens& tokens) {
  SY_ASSIGN(const Budget budget, read_budget(input));
  const std::size_t layers = input.convention.layers;
  std::vector<std::vector<double>> shares;
  for (std::size_t l = 0; l < layers; ++l) {
    if (tokens.count(l) == 0) {
      return fail(ErrorCode::kBadInput, "calibration: layer {}: no tokens were recorded", l);
    }
    shares.push_back(mean_shares(tokens, l, budget.range.high));
  }
  std::vector<std::size_t> k_by_layer(layers, budget.range.low);
  const double extra =
      (budget.mean_k - static_cast<double>(budget.range.low)) * static_cast<double>(layers);
  // A layer's shares fall with the rank, so that the best next expert is part of the best set.
  for (auto left = std::llround(extra); left > 0; --left) {
    std::size_t best = layers;
    for (std::size_t l = 0; l < layers; ++l) {
      if (k_by_layer[l] == budget.range.high) continue;
      if (best == layers || shares[l][k_by_layer[l]] > shares[best][k_by_layer[best]]) best = l;
    }
    ++k_by_layer[best];
  }
  CalibrationEntry found;
  found.spec = budget.spec;
  found.thresholds.count = 1;
  for (const std::size_t k : k_by_layer) found.thresholds.values.push_back(static_cast<double>(k));
  return found;
}

}  // namespace

PolicyEntry per_layer_policy() {
  return {kName,
          "static: a constant k for each layer",
          {"k", "file", "mean_k", "k_min", "k_max"},
          &make,
          &solve};
}

}  // namespace switchyard::routing
