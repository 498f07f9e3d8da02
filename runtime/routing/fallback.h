// runtime/routing/fallback.h -- what a token gets when its rule has no answer. It fires only for
//   - logits that are not finite, and
//   - a signal that the rule needs and this token does not have (a variance that is not finite, a
//     token id outside the calibrated vocabulary).
// A missing calibration file or a missing entry is an error when the router is made, never a
// fallback.
//   single_expert  the best finite logit (lower id on ties); none finite: expert (token id mod E).
//   random         min(k_static, k_max) distinct experts by a hash of (sequence seed, layer,
//                  position).
//   load_balance   one of the k_max best finite logits (none finite: of all experts): the one that
//                  the calibration text loaded least, the better ranked of equals; by the same hash
//                  where no calibration file says. Loads of the run itself would make a token
//                  depend on its batch-mates.
// With finite logits the weights follow the convention; otherwise they are equal and sum to
// `scale`. Thread safety: shared const objects: safe.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/routing/policies/rule.h"
#include "runtime/routing/ranking.h"
#include "runtime/routing/selection.h"

namespace switchyard::routing {

inline constexpr std::array<std::string_view, 3> kFallbackNames = {"single_expert", "random",
                                                                   "load_balance"};

struct FallbackSetup {
  Fallback kind = Fallback::kSingleExpert;
  std::size_t candidates = 1;        // k_max of the policy
  std::size_t random_count = 1;      // experts of `random`
  std::vector<std::uint64_t> loads;  // [layers * experts] of the calibration text, or empty
};

// The experts for one token, in slot order. logits [E], any values; allocation-free.
void fallback_experts(const FallbackSetup& setup, std::span<const float> logits,
                      const TokenView& token, Ranked& out) noexcept;

}  // namespace switchyard::routing
