#include "runtime/routing/scores.h"

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cstdint>

namespace switchyard::routing {
namespace {

// Sums and maxima run over eight interleaved lanes that are folded in a fixed order: the compiler
// may use vectors of any width up to eight and the result stays the same.
constexpr std::size_t kLanes = 8;
static_assert(kExpertsMax % kLanes == 0);

[[nodiscard]] std::size_t padded(std::size_t experts) noexcept {
  return (experts + kLanes - 1) / kLanes * kLanes;
}

[[nodiscard]] float fold(const std::array<float, kLanes>& lane) noexcept {
  return ((lane[0] + lane[4]) + (lane[1] + lane[5])) + ((lane[2] + lane[6]) + (lane[3] + lane[7]));
}

// Where exp has long been 0 in fp32.
constexpr float kExpFloor = -100.0F;

// Range reduction x = n ln 2 + r, |r| <= 0.3466, and the Taylor polynomial of degree 7 (truncation
// 5e-9). Adding 1.5 * 2^23 rounds to the nearest integer and leaves n in the low mantissa bits.
// Takes -100 <= x <= 0. Without a branch: below -87.3 the exponent wraps and a mask makes the
// result 0; clamping here as well would make gcc 12 thread the two comparisons into jumps and
// vectorise nothing.
[[nodiscard]] inline float exp_kernel(float x) noexcept {
  constexpr float kMagic = 12582912.0F;
  constexpr float kLog2E = 1.44269504088896341F;
  constexpr float kLn2High = 0.693359375F;  // 9 bits: n * kLn2High is exact
  constexpr float kLn2Low = -2.12194440e-4F;
  const float shifted = x * kLog2E + kMagic;
  const float n = shifted - kMagic;
  const float r = (x - n * kLn2High) - n * kLn2Low;
  float p = 1.0F / 5040.0F;
  p = p * r + 1.0F / 720.0F;
  p = p * r + 1.0F / 120.0F;
  p = p * r + 1.0F / 24.0F;
  p = p * r + 1.0F / 6.0F;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  const std::uint32_t exponent = (std::bit_cast<std::uint32_t>(shifted) + 127U) << 23;
  const float value = p * std::bit_cast<float>(exponent);
  const std::uint32_t keep = 0U - static_cast<std::uint32_t>(x >= -87.3F);
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) & keep);
}

void softmax(ScoreRow& row) noexcept {
  const std::size_t count = padded(row.experts);
  const float top = row.logit_max;
  for (std::size_t e = 0; e < count; ++e) {
    const float d =
        row.logits[e] - top;  // -inf where the difference overflows; the clamp covers it
    row.shifted[e] = d < kExpFloor ? kExpFloor : d;
  }
  for (std::size_t e = 0; e < count; ++e) row.scores[e] = exp_kernel(row.shifted[e]);
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
  for (std::size_t e = 0; e < count; ++e) row.shifted[e] = exp_kernel(row.shifted[e]);
  for (std::size_t e = 0; e < count; ++e) {
    const float small = row.shifted[e];  // exp(-|z|)
    row.scores[e] = (row.logits[e] >= 0 ? 1.0F : small) / (1.0F + small);
  }
  std::array<float, kLanes> lane{};  // padding has score 0: exp underflows
  for (std::size_t e = 0; e < count; e += kLanes) {
    for (std::size_t l = 0; l < kLanes; ++l) lane[l] += row.scores[e + l];
  }
  row.total = fold(lane);
}

}  // namespace

float exp_nonpositive(float x) noexcept { return exp_kernel(x < kExpFloor ? kExpFloor : x); }

// x = m 2^e with m in [sqrt(1/2), sqrt(2)); ln m = 2 atanh((m-1)/(m+1)), whose argument is below
// 0.172.
double log_positive(double x) noexcept {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  int exponent = static_cast<int>((bits >> 52) & 0x7FFU) - 1023;
  double m = std::bit_cast<double>((bits & 0x000FFFFFFFFFFFFFULL) | 0x3FF0000000000000ULL);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    ++exponent;
  }
  const double t = (m - 1.0) / (m + 1.0);
  const double t2 = t * t;
  double series = 0;
  for (int odd = 17; odd >= 1; odd -= 2) series = series * t2 + 1.0 / odd;
  return 2.0 * t * series + exponent * 0.69314718055994530942;
}

void score_row(Scoring scoring, std::span<const float> logits, ScoreRow& row) noexcept {
  const std::size_t experts = logits.size();
  const std::size_t count = padded(experts);
  row.experts = experts;
  std::copy(logits.begin(), logits.end(), row.logits.begin());
  std::fill(row.logits.begin() + static_cast<std::ptrdiff_t>(experts),
            row.logits.begin() + static_cast<std::ptrdiff_t>(count), -FLT_MAX);
  std::array<float, kLanes> top;
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
