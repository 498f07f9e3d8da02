// kernels/cuda/native/lane_math.cuh -- what a lane does in one instruction that C++ has no word
// for. As with tensor_tile.cuh beside it, the tests' emulation has a file of this name. Device code
// only. Thread safety: pure device functions.
#pragma once

#include <cstdint>

namespace switchyard::kernels::cuda {

// 2^x, off by two units in the last place at most; below 2^-126 it is 0.
__device__ __forceinline__ float exp2_of(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// Both rounded to nearest, ties to even; `low` in the lower half.
__device__ __forceinline__ std::uint32_t bf16_pair(float low, float high) {
  std::uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}

}  // namespace switchyard::kernels::cuda
