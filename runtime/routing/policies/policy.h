// runtime/routing/policies/policy.h -- what a policy gives to the policy table, and what it is
// given. To add one: policies/<name>.{h,cpp} with a `<name>_policy()` and a line in
// policy_table.cpp. Thread safety: values.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/routing/calibration.h"
#include "runtime/routing/policies/rule.h"
#include "runtime/routing/ranking.h"
#include "runtime/routing/router.h"
#include "runtime/routing/spec.h"

namespace switchyard::routing {

// Ranking by groups and by biased scores (DeepSeek-V3); the weights stay unbiased.
struct GroupedRanking {
  Grouping grouping;
  std::vector<float> bias;  // [layers * experts], or empty
};

// A policy, built. `spec` is canonical, without the common keys (weights, fallback).
struct BuiltPolicy {
  std::string spec;
  std::unique_ptr<CountRule> rule;
  std::size_t k_max = 0;
  RouterConvention convention;  // as given, or overruled by the spec (grouped: sigmoid, scale)
  std::optional<GroupedRanking> ranking;
};

struct PolicyInput {
  const Spec& spec;
  const RouterConvention& convention;
  const Calibration* calibration = nullptr;  // null where none was given
};

// Visits recorded calibration tokens of one layer, in order.
using TokenVisitor = std::function<void(const TokenView&)>;

// Tokens that a calibrator recorded.
class RecordedTokens {
 public:
  virtual ~RecordedTokens() = default;
  [[nodiscard]] virtual std::size_t count(std::size_t layer) const noexcept = 0;
  // `ranks`: how many shares the visitor looks at.
  virtual void visit(std::size_t layer, std::size_t ranks, RuleNeeds needs,
                     const TokenVisitor& visitor) const = 0;
};

struct PolicyEntry {
  std::string_view name;
  std::string_view summary;
  std::vector<std::string_view> keys;  // without the common ones
  Result<BuiltPolicy> (*make)(const PolicyInput&) = nullptr;
  // The canonical spec and the thresholds with which a spec with mean_k= meets its budget on the
  // recorded tokens (mean_k of the answer is not set); null for policies that need no calibration.
  Result<CalibrationEntry> (*solve)(const PolicyInput&, const RecordedTokens&) = nullptr;
};

}  // namespace switchyard::routing
