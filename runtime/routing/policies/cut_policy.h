// runtime/routing/policies/cut_policy.h -- one cut per layer, given or calibrated from mean_k=: the
// shared part of the policies relative and top-p, which differ in what the cut is compared with.
// Thread safety: functions without state.
#pragma once

#include <memory>
#include <string_view>

#include "runtime/routing/policies/budget.h"
#include "runtime/routing/policies/policy_keys.h"

namespace switchyard::routing {

struct CutPolicy {
  std::string_view name;  // of the policy
  std::string_view key;   // of the cut: "t", "theta"
  std::unique_ptr<CountRule> (*rule)(KRange range, LayerThresholds cuts) = nullptr;
  Ease ease = nullptr;                           // for mean_k=
  double (*cut_of_ease)(double ease) = nullptr;  // from the solved ease to the key's value
};

// For CountRule::compile() of a rule with one cut.
[[nodiscard]] bool compile_cut(KeepRule keep, KRange range, double cut,
                               SelectionRule& out) noexcept;

// The keys that a cut policy takes.
[[nodiscard]] std::vector<std::string_view> cut_keys(const CutPolicy& policy);

[[nodiscard]] Result<BuiltPolicy> make_cut_policy(const PolicyInput& input,
                                                  const CutPolicy& policy);
[[nodiscard]] Result<CalibrationEntry> solve_cut_policy(const PolicyInput& input,
                                                        const RecordedTokens& tokens,
                                                        const CutPolicy& policy);

}  // namespace switchyard::routing
