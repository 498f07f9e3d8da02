// kernels/avx2/vec_avx2.h -- eight fp32 lanes, the vocabulary that kernels/simd is written in.
// Only for translation units compiled for AVX2, FMA and F16C.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/simd/static_for.h"

namespace switchyard::kernels {

struct VecAvx2 {
  static constexpr std::size_t kLanes = 8;
  using F = __m256;
  using I = __m256i;
  // The first `count` lanes as a register (for blends and 32-bit accesses) and as a number.
  struct Mask {
    __m256i lanes;
    std::size_t count;
  };

  static SY_INLINE F zero() { return _mm256_setzero_ps(); }
  static SY_INLINE F set(float x) { return _mm256_set1_ps(x); }
  static SY_INLINE F load(const float* p) { return _mm256_loadu_ps(p); }
  static SY_INLINE void store(float* p, F x) { _mm256_storeu_ps(p, x); }
  static SY_INLINE F add(F a, F b) { return _mm256_add_ps(a, b); }
  static SY_INLINE F sub(F a, F b) { return _mm256_sub_ps(a, b); }
  static SY_INLINE F mul(F a, F b) { return _mm256_mul_ps(a, b); }
  static SY_INLINE F div(F a, F b) { return _mm256_div_ps(a, b); }
  static SY_INLINE F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }    // a*b + c
  static SY_INLINE F fnma(F a, F b, F c) { return _mm256_fnmadd_ps(a, b, c); }  // c - a*b
  static SY_INLINE F max(F a, F b) { return _mm256_max_ps(a, b); }
  static SY_INLINE F min(F a, F b) { return _mm256_min_ps(a, b); }
  static SY_INLINE F round(F x) {
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  // x * 2^n for integral n that keeps the result normal.
  static SY_INLINE F scale(F x, F n) {
    const I shift = _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(x), shift));
  }

  // The first `count` lanes; count may exceed kLanes.
  static SY_INLINE Mask first(std::size_t count) {
    const std::size_t kept = count < kLanes ? count : kLanes;
    const I ramp = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return {_mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(kept)), ramp), kept};
  }
  static SY_INLINE F keep(const Mask& mask, F x, F other) {
    return _mm256_blendv_ps(other, x, _mm256_castsi256_ps(mask.lanes));
  }
  static SY_INLINE F load(const Mask& mask, const float* p) {
    return _mm256_maskload_ps(p, mask.lanes);
  }
  static SY_INLINE void store(const Mask& mask, float* p, F x) {
    _mm256_maskstore_ps(p, mask.lanes, x);
  }

  // Lanes are combined in halves: 8 -> 4 -> 2 -> 1.
  static SY_INLINE float sum(F x) {
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
  }
  static SY_INLINE float highest(F x) {
    __m128 half = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    half = _mm_max_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
  }

  static SY_INLINE F load_bf16(const Mask& mask, const std::byte* p) {
    const I wide = _mm256_cvtepu16_epi32(load_halves(mask, p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
  }
  static SY_INLINE F load_f16(const Mask& mask, const std::byte* p) {
    return _mm256_cvtph_ps(load_halves(mask, p));
  }
  // Nearest even; NaN stays a quiet NaN (as to_bf16 of runtime/base/dtype.h).
  static SY_INLINE __m128i to_bf16(F x) {
    const I bits = _mm256_castps_si256(x);
    const I odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const I up = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF)));
    const I quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    const F nan = _mm256_cmp_ps(x, x, _CMP_UNORD_Q);
    const I rounded = _mm256_castps_si256(
        _mm256_blendv_ps(_mm256_castsi256_ps(up), _mm256_castsi256_ps(quiet), nan));
    const I high_halves = _mm256_srli_epi32(rounded, 16);
    return _mm_packus_epi32(_mm256_castsi256_si128(high_halves),
                            _mm256_extracti128_si256(high_halves, 1));
  }
  static SY_INLINE void store_bf16(const Mask& mask, std::byte* p, F x) {
    const __m128i halves = to_bf16(x);
    if (mask.count == kLanes) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(p), halves);
      return;
    }
    alignas(16) std::uint16_t spill[kLanes];
    _mm_store_si128(reinterpret_cast<__m128i*>(spill), halves);
    __builtin_memcpy(p, spill, mask.count * sizeof(std::uint16_t));
  }

  // The two halves of bf16 pairs, widened.
  static SY_INLINE I load_pairs(const std::byte* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  static SY_INLINE I broadcast_pair(const std::byte* p) {
    return _mm256_set1_epi32(*reinterpret_cast<const Unaligned32*>(p));
  }
  static SY_INLINE F low(I pairs) { return _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16)); }
  static SY_INLINE F high(I pairs) {
    return _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32(-65536)));
  }

  using Unaligned32 __attribute__((aligned(1), may_alias)) = std::int32_t;
  using UnalignedF32 __attribute__((aligned(1), may_alias)) = float;
  static SY_INLINE F broadcast(const std::byte* p) {
    return _mm256_set1_ps(*reinterpret_cast<const UnalignedF32*>(p));
  }

 private:
  // 16-bit elements have no masked load in AVX2: a short row goes through the stack.
  static SY_INLINE __m128i load_halves(const Mask& mask, const std::byte* p) {
    if (mask.count == kLanes) return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    alignas(16) std::uint16_t fill[kLanes] = {};
    __builtin_memcpy(fill, p, mask.count * sizeof(std::uint16_t));
    return _mm_load_si128(reinterpret_cast<const __m128i*>(fill));
  }
};

}  // namespace switchyard::kernels
