// runtime/routing/policies/rule.h -- the heart of a policy: how many of a token's ranked experts it
// keeps. Every rule keeps a prefix of the ranking, so k alone encodes the decision (the nested
// property). Thread safety: shared const objects: safe; count() has no state and does not allocate.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/base/selection_rule.h"
#include "runtime/routing/scores.h"

namespace switchyard::routing {

// What a rule needs computed for it beyond the ranked shares.
struct RuleNeeds {
  bool entropy = false;
  bool residual_variance = false;
  bool position = false;
};

// What a rule sees of one token in one layer.
struct TokenView {
  std::size_t layer = 0;
  // Scores as shares of one, in rank order: the best max(k_max, k_static) of them at least.
  std::span<const float> shares;
  float entropy = 0;            // normalised, of all shares; only where needed
  float residual_variance = 0;  // NaN where the caller did not measure it
  std::uint32_t token_id = 0;
  std::uint32_t position = 0;
  std::uint64_t sequence_seed = 0;
};

class CountRule {
 public:
  virtual ~CountRule() = default;
  // k in k_min..k_max; 0 when the rule has no answer for this token (the fallback then fires).
  [[nodiscard]] virtual std::size_t count(const TokenView& token) const noexcept = 0;
  [[nodiscard]] virtual RuleNeeds needs() const noexcept { return {}; }
  // Fills k_min, k_max and what `keep` goes by, for `layer`. False where a device cannot count so.
  [[nodiscard]] virtual bool compile(std::size_t /*layer*/, SelectionRule& /*out*/) const noexcept {
    return false;
  }
};

}  // namespace switchyard::routing
