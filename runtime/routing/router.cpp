#include "runtime/routing/router.h"

#include "runtime/routing/difficulty/estimator_table.h"
#include "runtime/routing/policies/policy_keys.h"
#include "runtime/routing/policies/policy_table.h"
#include "runtime/routing/policy_router.h"

namespace switchyard::routing {
namespace {

constexpr std::array<std::string_view, 2> kWeightNames = {"checkpoint", "mass"};

[[nodiscard]] Result<void> check_convention(const RouterConvention& convention) {
  if (convention.layers == 0 || convention.layers > kLayersMax) {
    return fail(ErrorCode::kBadInput, "router: {} MoE layers, expected 1..{}", convention.layers,
                kLayersMax);
  }
  if (convention.experts == 0 || convention.experts > kExpertsMax) {
    return fail(ErrorCode::kBadInput, "router: {} experts, expected 1..{}", convention.experts,
                kExpertsMax);
  }
  if (convention.k_static == 0 || convention.k_static > convention.experts) {
    return fail(ErrorCode::kBadInput, "router: {} experts per token of {}", convention.k_static,
                convention.experts);
  }
  return {};
}

[[nodiscard]] Fallback fallback_kind(std::size_t word) {
  constexpr std::array kinds = {Fallback::kSingleExpert, Fallback::kRandom, Fallback::kLoadBalance};
  return kinds[word];
}

}  // namespace

Result<std::size_t> largest_k(std::string_view spec, const RouterConvention& convention) {
  SY_TRY(check_convention(convention));
  SY_ASSIGN(const Spec parsed, Spec::parse(spec));
  if (parsed.has("mean_k")) {
    SY_ASSIGN(const KRange range, read_k_range({parsed, convention, nullptr}));
    return range.high;
  }
  SY_ASSIGN(const auto router, make_router(spec, convention, {}));
  return router->k_max();
}

Result<std::unique_ptr<Router>> make_router(std::string_view spec,
                                            const RouterConvention& convention,
                                            std::string_view calibration_text) {
  SY_TRY(check_convention(convention));
  SY_ASSIGN(const Spec parsed, Spec::parse(spec));
  SY_ASSIGN(const PolicyEntry* entry, find_policy(parsed.name()));
  std::vector<std::string_view> keys = entry->keys;
  for (const CommonKey& key : describe_common_keys()) keys.push_back(key.name);
  SY_TRY(parsed.check_keys(keys));
  if (parsed.name() == kAutoName && parsed.has("k")) {
    return fail(ErrorCode::kUsage, "routing policy auto has the checkpoint's k; topk:k={} sets it",
                *parsed.text("k"));
  }
  std::optional<Calibration> calibration;
  if (!calibration_text.empty()) {
    SY_ASSIGN(calibration, Calibration::parse(calibration_text));
    SY_TRY(calibration->check_model(convention));
  }
  SY_ASSIGN(BuiltPolicy built,
            entry->make({parsed, convention, calibration ? &*calibration : nullptr}));

  RouterOptions options;
  SY_ASSIGN(const std::size_t weights, parsed.word("weights", kWeightNames));
  SY_ASSIGN(const std::size_t fallback, parsed.word("fallback", kFallbackNames));
  options.weights = weights == 1 ? WeightRule::kMass : WeightRule::kCheckpoint;
  if (weights == 1 && built.ranking) {
    return fail(ErrorCode::kUsage, "routing policy {}: weights=mass is for ungrouped policies",
                parsed.name());
  }
  options.fallback.kind = fallback_kind(fallback);
  options.fallback.candidates = built.k_max;
  options.fallback.random_count = std::min(convention.k_static, built.k_max);
  if (calibration) options.fallback.loads = std::move(calibration->expert_loads);

  std::string text = built.spec;
  const auto append = [&text](std::string_view key, std::string_view value) {
    text += fmt::format("{}{}={}", text.find(':') == std::string::npos ? ':' : ',', key, value);
  };
  if (weights != 0) append("weights", kWeightNames[weights]);
  if (fallback != 0) append("fallback", kFallbackNames[fallback]);
  return std::unique_ptr<Router>(
      std::make_unique<PolicyRouter>(std::move(built), std::move(options), std::move(text)));
}

std::vector<PolicyDescription> describe_policies() {
  std::vector<PolicyDescription> out;
  for (const PolicyEntry& entry : policy_table()) {
    out.push_back({entry.name, entry.summary, entry.keys});
  }
  return out;
}

std::vector<CommonKey> describe_common_keys() {
  return {{"weights", {kWeightNames.begin(), kWeightNames.end()}},
          {"fallback", {kFallbackNames.begin(), kFallbackNames.end()}}};
}

std::vector<EstimatorDescription> describe_estimators() {
  std::vector<EstimatorDescription> out;
  for (const Estimator& entry : estimator_table()) out.push_back({entry.name, entry.summary});
  return out;
}

}  // namespace switchyard::routing
