// runtime/base/gate_math.h -- the arithmetic from gate logits to experts: what runtime/routing
// computes on the host and a device that holds the logits computes by itself, to the same bit. IEEE
// operations in one fixed order, without libm; constexpr, so that device code may call it.
// Thread safety: pure functions.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "runtime/base/selection_rule.h"

namespace switchyard {

// Sums over experts run in eight interleaved lanes that are folded in this order.
inline constexpr std::size_t kGateLanes = 8;
[[nodiscard]] constexpr float fold_gate_lanes(const float* lane) noexcept {
  return ((lane[0] + lane[4]) + (lane[1] + lane[5])) + ((lane[2] + lane[6]) + (lane[3] + lane[7]));
}

// Where exp has long been 0 in fp32: arguments are clamped to it.
inline constexpr float kGateExpFloor = -100.0F;

// e^x for -100 <= x <= 0. Range reduction x = n ln 2 + r, |r| <= 0.3466, and the Taylor polynomial
// of degree 7 (truncation 5e-9). Adding 1.5 * 2^23 rounds to the nearest integer and leaves n in
// the low mantissa bits. Without a branch: below -87.3 the exponent wraps and a mask makes the
// result 0; clamping here as well would make gcc 12 thread the two comparisons into jumps and
// vectorise nothing.
[[nodiscard]] constexpr float gate_exp(float x) noexcept {
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

// ln x for a finite normal x > 0: x = m 2^e with m in [sqrt(1/2), sqrt(2)); ln m = 2 atanh((m-1) /
// (m+1)), whose argument is below 0.172.
[[nodiscard]] constexpr double gate_log(double x) noexcept {
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

// The sigmoid of z, from small = e^-|z|.
[[nodiscard]] constexpr float gate_sigmoid(float z, float small) noexcept {
  return (z >= 0 ? 1.0F : small) / (1.0F + small);
}

// What scores are multiplied by to be shares of one.
[[nodiscard]] constexpr float gate_share_scale(GateScores scores, float total) noexcept {
  return scores == GateScores::kSoftmax ? 1.0F : 1.0F / (total + 1e-20F);
}

// `share`: callable, rank -> share, float; of `count` ranks at least as many as the rules look at.
template <class Share>
[[nodiscard]] constexpr std::size_t keep_relative(const Share& share, double cut, std::size_t low,
                                                  std::size_t high) noexcept {
  const double least = cut * static_cast<double>(share(0));
  std::size_t k = low;
  while (k < high && static_cast<double>(share(k)) >= least) ++k;
  return k;
}

template <class Share>
[[nodiscard]] constexpr std::size_t keep_top_p(const Share& share, double cut, std::size_t low,
                                               std::size_t high) noexcept {
  if (cut >= 1.0) return high;  // a rounded prefix can reach 1 early; the exact sum cannot
  double sum = 0;
  std::size_t k = 0;
  while (k < high && (k < low || sum < cut)) {
    sum += static_cast<double>(share(k));
    ++k;
  }
  return k;
}

template <class Share>
[[nodiscard]] constexpr float margin_signal(const Share& share, std::size_t count) noexcept {
  if (count < 2) return 1.0F - share(0);
  return 1.0F - (share(0) - share(1));
}

template <class Share>
[[nodiscard]] constexpr float mass_signal(const Share& share, std::size_t low) noexcept {
  double sum = 0;
  for (std::size_t j = 0; j < low; ++j) sum += static_cast<double>(share(j));
  return static_cast<float>(1.0 - sum);
}

}  // namespace switchyard
