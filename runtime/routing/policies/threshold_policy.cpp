#include "runtime/routing/policies/threshold_policy.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "runtime/routing/policies/budget.h"

namespace switchyard::routing {
namespace {

// Scores are unbounded (a variance), thresholds therefore too; this bound keeps them finite floats.
constexpr Range kAnyScore{-1e30, 1e30};

class ThresholdRule final : public CountRule {
 public:
  ThresholdRule(const Estimator& estimator, KRange range, LayerThresholds thresholds,
                std::vector<float> token_surprise)
      : estimator_(estimator),
        range_(range),
        thresholds_(std::move(thresholds)),
        token_surprise_(std::move(token_surprise)) {}

  [[nodiscard]] std::size_t count(const TokenView& token) const noexcept override {
    const double score =
        static_cast<double>(estimator_.score(token, {range_.low, token_surprise_}));
    if (!std::isfinite(score)) return 0;
    std::size_t k = range_.low;
    for (const double threshold : thresholds_.of(token.layer)) k += score >= threshold ? 1 : 0;
    return k;
  }
  [[nodiscard]] RuleNeeds needs() const noexcept override { return estimator_.needs; }
  [[nodiscard]] bool compile(std::size_t layer, SelectionRule& out) const noexcept override {
    const auto thresholds = thresholds_.of(layer);
    if (!estimator_.device_signal || thresholds.size() > SelectionRule::kStepsMax) return false;
    out.keep = KeepRule::kSteps;
    out.signal = *estimator_.device_signal;
    out.k_min = static_cast<std::uint32_t>(range_.low);
    out.k_max = static_cast<std::uint32_t>(range_.high);
    out.steps = static_cast<std::uint32_t>(thresholds.size());
    std::ranges::copy(thresholds, out.thresholds);
    return true;
  }

 private:
  Estimator estimator_;
  KRange range_;
  LayerThresholds thresholds_;
  std::vector<float> token_surprise_;
};

// Whose uses a token's surprise is taken from: all of the calibration text, or all but the use that
// is being scored. Without the latter no token of the calibration text would look unseen, though
// new texts hold about as many unseen tokens as that text has tokens used once (Good-Turing).
enum class TokenUses : std::uint8_t { kAll, kAllOthers };

// -ln((uses + 1) / (sum + vocab)) by token id: add-one smoothing, so that an unseen token has a
// finite surprise. The last entry stands for every id beyond the calibration text's.
[[nodiscard]] Result<std::vector<float>> token_surprise(const PolicyInput& input,
                                                        const ThresholdPolicy& policy,
                                                        TokenUses uses) {
  if (!policy.estimator->needs_token_counts) return std::vector<float>();
  if (input.calibration == nullptr || input.calibration->token_counts.empty()) {
    return fail(ErrorCode::kUsage,
                "routing policy {}: estimator {} needs a calibration file with token_counts",
                policy.name, policy.estimator->name);
  }
  auto counts = input.calibration->token_counts;
  const double sum =
      std::accumulate(counts.begin(), counts.end(), 0.0) + static_cast<double>(counts.size());
  counts.push_back(0);
  std::vector<float> out;
  out.reserve(counts.size());
  for (const std::uint64_t count : counts) {
    const std::uint64_t counted = uses == TokenUses::kAllOthers && count > 0 ? count - 1 : count;
    out.push_back(static_cast<float>(-log_positive((static_cast<double>(counted) + 1) / sum)));
  }
  return out;
}

struct Keys {
  KRange range;
  std::optional<double> mean_k;
  std::vector<double> thresholds;
  Pooling pooling = Pooling::kAllLayers;
  std::string spec;
};

// Where the linear form k = k_min + floor((k_max - k_min + 1) * (score - a) / (b - a)) takes its
// steps.
[[nodiscard]] std::vector<double> linear_thresholds(KRange range, double a, double b) {
  const std::size_t steps = range.high - range.low;
  std::vector<double> out;
  for (std::size_t m = 1; m <= steps; ++m) {
    out.push_back(a + (b - a) * static_cast<double>(m) / static_cast<double>(steps + 1));
  }
  return out;
}

Result<Keys> read(const PolicyInput& input, const ThresholdPolicy& policy) {
  Keys keys;
  SpecText text(policy.name);
  if (policy.print_estimator) text.add("estimator", policy.estimator->name);
  SY_ASSIGN(keys.range, read_k_range(input));
  SY_ASSIGN(keys.mean_k, read_mean_k(input, keys.range));
  SY_ASSIGN(keys.thresholds, input.spec.numbers("thresholds", kAnyScore));
  SY_ASSIGN(keys.pooling, read_pooling(input, policy.pooling));
  SY_ASSIGN(const auto a, input.spec.number("a", kAnyScore));
  SY_ASSIGN(const auto b, input.spec.number("b", kAnyScore));
  const bool listed = input.spec.has("thresholds");
  const int forms =
      int{keys.mean_k.has_value()} + int{listed} + int{a.has_value() || b.has_value()};
  if (forms != 1 || a.has_value() != b.has_value()) {
    return fail(ErrorCode::kUsage,
                "routing policy {}: give mean_k=, thresholds= or both a= and b=", policy.name);
  }
  if (a) {
    if (!(*a < *b)) {
      return fail(ErrorCode::kUsage, "routing policy {}: a must be below b", policy.name);
    }
    text.add("a", *a).add("b", *b);
    keys.thresholds = linear_thresholds(keys.range, *a, *b);
  } else if (listed) {
    const std::size_t steps = keys.range.high - keys.range.low;
    if (keys.thresholds.size() != steps ||
        !std::is_sorted(keys.thresholds.begin(), keys.thresholds.end())) {
      return fail(ErrorCode::kUsage, "routing policy {}: k {}..{} needs {} ascending thresholds",
                  policy.name, keys.range.low, keys.range.high, steps);
    }
    text.add_list("thresholds", std::span<const double>(keys.thresholds));
  } else {
    text.add("mean_k", *keys.mean_k);
  }
  text.add("k_min", keys.range.low).add("k_max", keys.range.high);
  if (keys.mean_k && keys.pooling != policy.pooling) {
    text.add("per_layer", keys.pooling == Pooling::kEachLayer ? 1 : 0);
  }
  keys.spec = text.str();
  return keys;
}

}  // namespace

std::vector<std::string_view> threshold_keys() {
  return {"mean_k", "thresholds", "a", "b", "k_min", "k_max", "per_layer"};
}

Result<BuiltPolicy> make_threshold_policy(const PolicyInput& input, const ThresholdPolicy& policy) {
  SY_ASSIGN(Keys keys, read(input, policy));
  LayerThresholds thresholds;
  if (keys.mean_k) {
    SY_ASSIGN(thresholds, calibrated(input, keys.spec, keys.range.high - keys.range.low));
  } else {
    thresholds = LayerThresholds::uniform(input.convention.layers, keys.thresholds);
  }
  SY_ASSIGN(std::vector<float> surprise, token_surprise(input, policy, TokenUses::kAll));
  BuiltPolicy built;
  built.spec = std::move(keys.spec);
  built.rule = std::make_unique<ThresholdRule>(*policy.estimator, keys.range, std::move(thresholds),
                                               std::move(surprise));
  built.k_max = keys.range.high;
  built.convention = input.convention;
  return built;
}

Result<CalibrationEntry> solve_threshold_policy(const PolicyInput& input,
                                                const RecordedTokens& tokens,
                                                const ThresholdPolicy& policy) {
  SY_ASSIGN(const Keys keys, read(input, policy));
  if (!keys.mean_k) {
    return fail(ErrorCode::kUsage, "routing policy {}: mean_k= is missing", policy.name);
  }
  SY_ASSIGN(const std::vector<float> surprise,
            token_surprise(input, policy, TokenUses::kAllOthers));
  const EstimatorSetup setup{keys.range.low, surprise};
  const Estimator& estimator = *policy.estimator;
  CalibrationEntry found;
  found.spec = keys.spec;
  SY_ASSIGN(found.thresholds,
            solve_score(tokens, input.convention.layers, keys.range, *keys.mean_k, keys.pooling,
                        estimator.needs,
                        [&](const TokenView& token) { return estimator.score(token, setup); }));
  return found;
}

}  // namespace switchyard::routing
