// kernels/avx512/vec_avx512.h -- sixteen fp32 lanes, the vocabulary that kernels/simd is written
// in. Only for translation units compiled for AVX-512 F, BW, DQ and VL.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/simd/static_for.h"

namespace switchyard::kernels {

struct VecAvx512 {
  static constexpr std::size_t kLanes = 16;
  using F = __m512;
  using I = __m512i;
  using Mask = __mmask16;

  static SY_INLINE F zero() { return _mm512_setzero_ps(); }
  static SY_INLINE F set(float x) { return _mm512_set1_ps(x); }
  static SY_INLINE F load(const float* p) { return _mm512_loadu_ps(p); }
  static SY_INLINE void store(float* p, F x) { _mm512_storeu_ps(p, x); }
  static SY_INLINE F add(F a, F b) { return _mm512_add_ps(a, b); }
  static SY_INLINE F sub(F a, F b) { return _mm512_sub_ps(a, b); }
  static SY_INLINE F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static SY_INLINE F div(F a, F b) { return _mm512_div_ps(a, b); }
  static SY_INLINE F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }    // a*b + c
  static SY_INLINE F fnma(F a, F b, F c) { return _mm512_fnmadd_ps(a, b, c); }  // c - a*b
  static SY_INLINE F max(F a, F b) { return _mm512_max_ps(a, b); }
  static SY_INLINE F min(F a, F b) { return _mm512_min_ps(a, b); }
  static SY_INLINE F round(F x) {
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  // x * 2^n for integral n that keeps the result normal.
  static SY_INLINE F scale(F x, F n) {
    const I shift = _mm512_slli_epi32(_mm512_cvtps_epi32(n), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(x), shift));
  }

  // The first `count` lanes; count may exceed kLanes.
  static SY_INLINE Mask first(std::size_t count) {
    return count >= kLanes ? Mask{0xFFFF} : static_cast<Mask>((1U << count) - 1U);
  }
  static SY_INLINE F keep(Mask mask, F x, F other) { return _mm512_mask_blend_ps(mask, other, x); }
  static SY_INLINE F load(Mask mask, const float* p) { return _mm512_maskz_loadu_ps(mask, p); }
  static SY_INLINE void store(Mask mask, float* p, F x) { _mm512_mask_storeu_ps(p, mask, x); }

  // Lanes are combined in halves: 16 -> 8 -> 4 -> 2 -> 1.
  static SY_INLINE float sum(F x) {
    const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    __m128 quarter = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    quarter = _mm_add_ps(quarter, _mm_movehl_ps(quarter, quarter));
    return _mm_cvtss_f32(_mm_add_ss(quarter, _mm_movehdup_ps(quarter)));
  }
  static SY_INLINE float highest(F x) {
    const __m256 half = _mm256_max_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    __m128 quarter = _mm_max_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    quarter = _mm_max_ps(quarter, _mm_movehl_ps(quarter, quarter));
    return _mm_cvtss_f32(_mm_max_ss(quarter, _mm_movehdup_ps(quarter)));
  }

  static SY_INLINE F load_bf16(Mask mask, const std::byte* p) {
    const I wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
  }
  static SY_INLINE F load_f16(Mask mask, const std::byte* p) {
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, p));
  }
  // Nearest even; NaN stays a quiet NaN (as to_bf16 of runtime/base/dtype.h).
  static SY_INLINE __m256i to_bf16(F x) {
    const I bits = _mm512_castps_si512(x);
    const I odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const I up = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF)));
    const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    const I quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_mask_mov_epi32(up, nan, quiet), 16));
  }
  static SY_INLINE void store_bf16(Mask mask, std::byte* p, F x) {
    _mm256_mask_storeu_epi16(p, mask, to_bf16(x));
  }

  // The two halves of bf16 pairs, widened.
  static SY_INLINE I load_pairs(const std::byte* p) { return _mm512_loadu_si512(p); }
  static SY_INLINE I broadcast_pair(const std::byte* p) {
    return _mm512_set1_epi32(*reinterpret_cast<const Unaligned32*>(p));
  }
  static SY_INLINE F low(I pairs) { return _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)); }
  static SY_INLINE F high(I pairs) {
    return _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(-65536)));
  }

  using Unaligned32 __attribute__((aligned(1), may_alias)) = std::int32_t;
  using UnalignedF32 __attribute__((aligned(1), may_alias)) = float;
  static SY_INLINE F broadcast(const std::byte* p) {
    return _mm512_set1_ps(*reinterpret_cast<const UnalignedF32*>(p));
  }
};

}  // namespace switchyard::kernels
