#include "runtime/routing/scores.h"

#include <algorithm>
#include <cfloat>

#include "runtime/base/gate_math.h"

namespace switchyard::routing {
namespace {

// Sums and maxima run over eight interleaved lanes that are folded in a fixed order: the compiler
// may use vectors of any width up to eight and the result stays the same.
constexpr std::size_t kLanes = kGateLanes;
static_assert(kExpertsMax % kLanes == 0);

[[nodiscard]] std::size_t padded(std::size_t experts) noexcept {
  return (experts + kLanes - 1) / kLanes * kLanes;
}

[[nodiscard]] float fold(const std::array<float, kLanes>& lane) noexcept {
  return fold_gate_lanes(lane.data());
}

constexpr float kExpFloor = kGateExpFloor;

void softmax(ScoreRow& row) noexcept {
  const std::size_t count = padded(row.experts);
  const float top = row.logit_max;
  for (std::size_t e = 0; e < count; ++e) {
    const float d =
        row.logits[e] - top;  // -inf where the difference overflows; the clamp covers it
    row.shifted[e] = d < kExpFloor ? kExpFloor : d;
  }
  for (std::size_t e = 0; e < count; ++e) row.scores[e] = gate_exp(row.shifted[e]);
  std::array<float, kLanes> lane{};
  for (std::size_t e = 0; e < count; e += kLanes) {
    for (std::size_t l = 0; l < kLanes; ++l) lane[l] += row.scores[e + l];
  }
  const float total = fold(lane);
  row.total = total;
  for (std::size_t e = 0; e < count; ++e) row.scores[e] /= total;
}

void sigmoid(ScoreRow& row) noexcept {
  const std::size_t count = padded(row.experts);
  for (std::size_t e = 0; e < count; ++e) {
    const float negative = row.logits[e] > 0 ? -row.logits[e] : row.logits[e];
    row.shifted[e] = negative < kExpFloor ? kExpFloor : negative;
  }
  for (std::size_t e = 0; e < count; ++e) row.shifted[e] = gate_exp(row.shifted[e]);
  for (std::size_t e = 0; e < count; ++e) {
    const float small = row.shifted[e];  // exp(-|z|)
    row.scores[e] = gate_sigmoid(row.logits[e], small);
  }
  std::array<float, kLanes> lane{};  // padding has score 0: exp underflows
  for (std::size_t e = 0; e < count; e += kLanes) {
    for (std::size_t l = 0; l < kLanes; ++l) lane[l] += row.scores[e + l];
  }
  row.total = fold(lane);
}

}  // namespace

float exp_nonpositive(float x) noexcept { return gate_exp(x < kExpFloor ? kExpFloor : x); }

double log_positive(double x) noexcept { return gate_log(x); }

void score_row(Scoring scoring, std::span<const float> logits, ScoreRow& row) noexcept {
  const std::size_t experts = logits.size();
  const std::size_t count = padded(experts);
  row.experts = experts;
  std::copy(logits.begin(), logits.end(), row.logits.begin());
  std::fill(row.logits.begin() + static_cast<std::ptrdiff_t>(experts),
            row.logits.begin() + static_cast<std::ptrdiff_t>(count), -FLT_MAX);
  std::array<float, kLanes> top{};
  top.fill(-FLT_MAX);
  std::array<float, kLanes> poison{};  // x - x is 0 for finite x and NaN for the rest
  for (std::size_t e = 0; e < count; e += kLanes) {
    for (std::size_t l = 0; l < kLanes; ++l) {
      const float z = row.logits[e + l];
      top[l] = z > top[l] ? z : top[l];
      poison[l] += z - z;
    }
  }
  row.finite = experts > 0 && fold(poison) == 0.0F;
  row.logit_max = *std::max_element(top.begin(), top.end());
  if (!row.finite) return;
  if (scoring == Scoring::kSoftmax) {
    softmax(row);
  } else {
    sigmoid(row);
  }
}

// Softmax: -sum p ln p = ln S - sum p (z - max), which needs one logarithm a token.
float normalised_entropy(Scoring scoring, const ScoreRow& row) noexcept {
  if (row.experts < 2) return 0.0F;
  double entropy = 0;
  if (scoring == Scoring::kSoftmax) {
    std::array<float, kLanes> lane{};
    const std::size_t count = padded(row.experts);
    for (std::size_t e = 0; e < count; e += kLanes) {
      for (std::size_t l = 0; l < kLanes; ++l) lane[l] += row.scores[e + l] * row.shifted[e + l];
    }
    entropy = log_positive(row.total) - static_cast<double>(fold(lane));
  } else {
    const float scale = row.share_scale(scoring);
    for (std::size_t e = 0; e < row.experts; ++e) {
      const double share = static_cast<double>(row.scores[e] * scale);
      if (share > 1e-30) entropy -= share * log_positive(share);
    }
  }
  const double normalised = entropy / log_positive(static_cast<double>(row.experts));
  return static_cast<float>(std::clamp(normalised, 0.0, 1.0));
}

double log_sum_exp(const ScoreRow& row) noexcept {
  return static_cast<double>(row.logit_max) + log_positive(static_cast<double>(row.total));
}

}  // namespace switchyard::routing
