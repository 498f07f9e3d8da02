// tests/cuda_emulation/include/cuda_fp16.h -- stands in for the toolkit's header of this name:
// __half as a storage type with conversions. Conversions round to nearest even; a NaN becomes
// 0x7fff.
#pragma once

#include <bit>

#include "tests/cuda_emulation/device/vector_types.h"

struct __half_raw {
  unsigned short x;
};

namespace cuda_emulation {

constexpr float fp16_value(unsigned short bits) {
  const unsigned int sign = (bits & 0x8000U) << 16;
  const unsigned int exponent = (bits >> 10) & 0x1fU;
  const unsigned int fraction = bits & 0x3ffU;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000U | (fraction << 13));
  if (exponent != 0)
    return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
  const float tiny = static_cast<float>(fraction) * 0x1p-24F;
  return std::bit_cast<float>(sign | std::bit_cast<unsigned int>(tiny));
}

constexpr unsigned short fp16_bits(float value) {
  const auto bits = std::bit_cast<unsigned int>(value);
  const unsigned int sign = (bits >> 16) & 0x8000U;
  const unsigned int magnitude = bits & 0x7fffffffU;
  unsigned int half = 0;
  if (magnitude > 0x7f800000U) return 0x7fff;
  if (magnitude >= 0x477ff000U) {
    half = 0x7c00;  // what rounds to 65536 and more
  } else if (magnitude >= 0x38800000U) {
    half = (magnitude + 0xfffU + ((magnitude >> 13) & 1U) - (112U << 23)) >> 13;
  } else {
    // Adding 0.5 leaves the multiples of 2^-24 in the low bits, rounded to nearest even.
    half = std::bit_cast<unsigned int>(std::bit_cast<float>(magnitude) + 0.5F) - 0x3f000000U;
  }
  return static_cast<unsigned short>(sign | half);
}

}  // namespace cuda_emulation

struct alignas(2) __half {
  unsigned short __x;

  __half() = default;
  constexpr __half(float value) : __x(cuda_emulation::fp16_bits(value)) {}      // NOLINT
  constexpr __half(const __half_raw& raw) : __x(raw.x) {}                       // NOLINT
  constexpr operator float() const { return cuda_emulation::fp16_value(__x); }  // NOLINT
};
using half = __half;

struct alignas(4) __half2 {
  __half x;
  __half y;
};
using half2 = __half2;

constexpr __half __float2half(float value) { return {value}; }
constexpr __half __float2half_rn(float value) { return {value}; }
constexpr float __half2float(__half value) { return value; }
constexpr __half2 __floats2half2_rn(float low, float high) { return {low, high}; }
constexpr float2 __half22float2(__half2 value) { return {value.x, value.y}; }
constexpr __half __ushort_as_half(unsigned short bits) { return __half_raw{bits}; }
constexpr unsigned short __half_as_ushort(__half value) { return value.__x; }
