// runtime/routing/scores.h -- one token's gate logits to scores, in fp32 with a fixed order of
// sums. Our own exp and log: the same bits from every compiler and libm, vectorisable without
// -ffast-math. Not a selection (ranking.h) and not a rule (policies/). Thread safety: distinct
// objects: safe; shared objects: unsafe.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "runtime/routing/limits.h"
#include "runtime/routing/router.h"

namespace switchyard::routing {

// e^x for x <= 0; 0 below -87.3. Relative error below 2e-7.
[[nodiscard]] float exp_nonpositive(float x) noexcept;

// ln x for a finite normal x > 0. Absolute error below 1e-13.
[[nodiscard]] double log_positive(double x) noexcept;

// Scores of one token. Reused from token to token; left uninitialised on purpose (16 KiB).
// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init)
struct ScoreRow {
  std::size_t experts = 0;
  bool finite = false;  // all logits were finite; otherwise nothing below is meaningful
  float logit_max = 0;
  float total = 0;  // softmax: sum of exp(z - logit_max); sigmoid: sum of the scores
  alignas(64) std::array<float, kExpertsMax> logits;   // [experts], padded with -FLT_MAX to 8
  alignas(64) std::array<float, kExpertsMax> shifted;  // softmax: z - logit_max, at least -100;
                                                       // else scratch
  alignas(64) std::array<float, kExpertsMax> scores;   // [experts] softmax or sigmoid of the logits

  // Scores as shares of one: the softmax itself, or sigmoid scores over their sum.
  [[nodiscard]] float share_scale(Scoring scoring) const noexcept {
    return scoring == Scoring::kSoftmax ? 1.0F : 1.0F / (total + 1e-20F);
  }
};

// Fills `row` from logits [E], E <= kExpertsMax. Softmax is over all E, maximum subtracted.
void score_row(Scoring scoring, std::span<const float> logits, ScoreRow& row) noexcept;

// Entropy of the shares over ln E, 0..1 (0 when E is 1). `row` must be finite.
[[nodiscard]] float normalised_entropy(Scoring scoring, const ScoreRow& row) noexcept;

// ln sum exp z of a finite softmax row.
[[nodiscard]] double log_sum_exp(const ScoreRow& row) noexcept;

}  // namespace switchyard::routing
