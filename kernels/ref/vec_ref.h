// kernels/ref/vec_ref.h -- one fp32 lane: the vocabulary of kernels/simd in plain C++, for
// processors without vector instructions and as the yardstick of the others.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/simd/static_for.h"
#include "runtime/base/dtype.h"

namespace switchyard::kernels {

struct VecRef {
  static constexpr std::size_t kLanes = 1;
  using F = float;
  using I = std::uint32_t;
  using Mask = bool;

  static SY_INLINE F zero() { return 0.0F; }
  static SY_INLINE F set(float x) { return x; }
  static SY_INLINE F load(const float* p) { return *p; }
  static SY_INLINE void store(float* p, F x) { *p = x; }
  static SY_INLINE F add(F a, F b) { return a + b; }
  static SY_INLINE F sub(F a, F b) { return a - b; }
  static SY_INLINE F mul(F a, F b) { return a * b; }
  static SY_INLINE F div(F a, F b) { return a / b; }
  static SY_INLINE F fma(F a, F b, F c) { return a * b + c; }
  static SY_INLINE F fnma(F a, F b, F c) { return c - a * b; }
  static SY_INLINE F max(F a, F b) { return a > b ? a : b; }
  static SY_INLINE F min(F a, F b) { return a < b ? a : b; }
  static SY_INLINE F round(F x) { return std::nearbyint(x); }
  static SY_INLINE F scale(F x, F n) { return std::ldexp(x, static_cast<int>(n)); }
  static SY_INLINE Mask first(std::size_t count) { return count > 0; }
  static SY_INLINE F keep(Mask mask, F x, F other) { return mask ? x : other; }
  static SY_INLINE F load(Mask mask, const float* p) { return mask ? *p : 0.0F; }
  static SY_INLINE void store(Mask mask, float* p, F x) {
    if (mask) *p = x;
  }
  static SY_INLINE float sum(F x) { return x; }
  static SY_INLINE float highest(F x) { return x; }
  static SY_INLINE F load_bf16(Mask mask, const std::byte* p) {
    return mask ? to_float(read<Bf16>(p)) : 0.0F;
  }
  static SY_INLINE F load_f16(Mask mask, const std::byte* p) {
    return mask ? to_float(read<Fp16>(p)) : 0.0F;
  }
  static SY_INLINE void store_bf16(Mask mask, std::byte* p, F x) {
    if (!mask) return;
    const Bf16 bits = to_bf16(x);
    std::memcpy(p, &bits, sizeof bits);
  }
  static SY_INLINE I load_pairs(const std::byte* p) { return read<I>(p); }
  static SY_INLINE I broadcast_pair(const std::byte* p) { return read<I>(p); }
  static SY_INLINE F low(I pairs) { return __builtin_bit_cast(float, pairs << 16); }
  static SY_INLINE F high(I pairs) { return __builtin_bit_cast(float, pairs & 0xFFFF0000U); }
  static SY_INLINE F broadcast(const std::byte* p) { return read<float>(p); }

 private:
  template <class T>
  static SY_INLINE T read(const std::byte* p) {
    T value;
    std::memcpy(&value, p, sizeof value);
    return value;
  }
};

}  // namespace switchyard::kernels
