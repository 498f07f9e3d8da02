// kernels/avx512/core_dot_bf16.h -- one step of a tile with VDPBF16PS: the instruction adds the
// products of the odd and of the even elements of a pair to the fp32 sum. Denormals count as zero
// in it.
#pragma once

#include "kernels/avx512/vec_avx512.h"
#include "kernels/simd/gemm_core.h"

namespace switchyard::kernels {

struct CoreDotBf16 {
  using V = VecAvx512;
  static constexpr bool kBf16 = true;
  static constexpr std::size_t kStepElements = 2;

  static SY_INLINE __m512bh pairs(__m512i bits) { return __builtin_bit_cast(__m512bh, bits); }

  template <std::size_t kRows, std::size_t kVecs>
  static SY_INLINE void step(Sums<V, kRows, kVecs>& sum, const std::byte* const (&x)[kRows],
                             std::size_t x_offset, const std::byte* w) {
    __m512i weight[kVecs];
    SY_UNROLL for (std::size_t v = 0; v < kVecs; ++v) {
      weight[v] = V::load_pairs(w + v * V::kLanes * kStepBytes);
    }
    SY_UNROLL for (std::size_t r = 0; r < kRows; ++r) {
      const __m512i value = V::broadcast_pair(x[r] + x_offset);
      SY_UNROLL for (std::size_t v = 0; v < kVecs; ++v) {
        sum[r][v] = _mm512_dpbf16_ps(sum[r][v], pairs(value), pairs(weight[v]));
      }
    }
  }
};

}  // namespace switchyard::kernels
