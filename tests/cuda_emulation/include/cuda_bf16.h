// tests/cuda_emulation/include/cuda_bf16.h -- stands in for the toolkit's header of this name: the
// types, conversions and the arithmetic that Switchyard uses. Conversions round to nearest even;
// a NaN becomes 0x7fff as on the device. Arithmetic is done in fp32 and rounded once, which is what
// the hardware's does.
#pragma once

#include <bit>

#include "tests/cuda_emulation/device/vector_types.h"

struct __nv_bfloat16_raw {
  unsigned short x;
};

namespace cuda_emulation {

constexpr unsigned short bf16_bits(float value) {
  const auto bits = std::bit_cast<unsigned int>(value);
  if ((bits & 0x7fffffffU) > 0x7f800000U) return 0x7fff;
  return static_cast<unsigned short>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
}

constexpr float bf16_value(unsigned short bits) {
  return std::bit_cast<float>(static_cast<unsigned int>(bits) << 16);
}

}  // namespace cuda_emulation

struct alignas(2) __nv_bfloat16 {
  unsigned short __x;

  __nv_bfloat16() = default;
  constexpr __nv_bfloat16(float value) : __x(cuda_emulation::bf16_bits(value)) {}  // NOLINT
  constexpr __nv_bfloat16(const __nv_bfloat16_raw& raw) : __x(raw.x) {}            // NOLINT
  constexpr operator float() const { return cuda_emulation::bf16_value(__x); }     // NOLINT
  constexpr operator __nv_bfloat16_raw() const { return {__x}; }                   // NOLINT
};
using nv_bfloat16 = __nv_bfloat16;

struct alignas(4) __nv_bfloat162 {
  __nv_bfloat16 x;
  __nv_bfloat16 y;

  __nv_bfloat162() = default;
  constexpr __nv_bfloat162(const __nv_bfloat16& low, const __nv_bfloat16& high) : x(low), y(high) {}
};
using nv_bfloat162 = __nv_bfloat162;

constexpr __nv_bfloat16 __float2bfloat16(float value) { return {value}; }
constexpr __nv_bfloat16 __float2bfloat16_rn(float value) { return {value}; }
constexpr float __bfloat162float(__nv_bfloat16 value) { return value; }
constexpr __nv_bfloat16 __ushort_as_bfloat16(unsigned short bits) {
  return __nv_bfloat16_raw{bits};
}
constexpr unsigned short __bfloat16_as_ushort(__nv_bfloat16 value) { return value.__x; }

constexpr __nv_bfloat162 __floats2bfloat162_rn(float low, float high) { return {low, high}; }
constexpr __nv_bfloat162 __float22bfloat162_rn(float2 value) { return {value.x, value.y}; }
constexpr __nv_bfloat162 __float2bfloat162_rn(float value) { return {value, value}; }
constexpr float2 __bfloat1622float2(__nv_bfloat162 value) { return {value.x, value.y}; }
constexpr __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 low, __nv_bfloat16 high) {
  return {low, high};
}
constexpr __nv_bfloat162 make_bfloat162(__nv_bfloat16 low, __nv_bfloat16 high) {
  return {low, high};
}
constexpr __nv_bfloat162 __bfloat162bfloat162(__nv_bfloat16 value) { return {value, value}; }
constexpr float __low2float(__nv_bfloat162 value) { return value.x; }
constexpr float __high2float(__nv_bfloat162 value) { return value.y; }
constexpr __nv_bfloat16 __low2bfloat16(__nv_bfloat162 value) { return value.x; }
constexpr __nv_bfloat16 __high2bfloat16(__nv_bfloat162 value) { return value.y; }

constexpr __nv_bfloat16 __hadd(__nv_bfloat16 x, __nv_bfloat16 y) {
  return __float2bfloat16_rn(float{x} + float{y});
}
constexpr __nv_bfloat16 __hmul(__nv_bfloat16 x, __nv_bfloat16 y) {
  return __float2bfloat16_rn(float{x} * float{y});
}
