// kernels/cuda/attention_fold.cuh -- how the parts of a context become one: the arithmetic that
// the kernels which walk all segments and the kernel which folds stored ones share, operation by
// operation, so that a row's bits do not tell which of them it was. The tensor kernels make
// segments of pages with it in the same way. Device code only. Thread safety: pure device
// functions.
#pragma once

#include "kernels/cuda/device_math.cuh"
#include "lane_math.cuh"

namespace switchyard::kernels::cuda {

inline constexpr float kLowestScore = -3.0e38F;

// Scores of attention.cu are to the base e; the tensor kernels have log2(e) in their scale.
struct BaseE {
  static __device__ __forceinline__ float power(float x) { return exp_as_ref(x); }
};
struct BaseTwo {
  static __device__ __forceinline__ float power(float x) { return exp2_of(x); }
};

// The segments so far: the highest score, and the probabilities against it summed.
struct Folded {
  float highest = kLowestScore;
  float total = 0.0F;
};
// What the sums so far and those of the next segment are multiplied by. To the base e, add is never
// 0 for a segment that a row sees (exp_as_ref is clamped).
struct FoldFactors {  // lies in shared memory: no initialisers
  float keep;
  float add;
};

// The first segment goes in as it is: nothing times any factor, plus it times exp(0) = 1.
template <class Base>
__device__ __forceinline__ FoldFactors fold(Folded& folded, float highest, float total) {
  const float top = fmaxf(folded.highest, highest);
  const FoldFactors factors{Base::power(folded.highest - top), Base::power(highest - top)};
  folded.total = __fmaf_rn(folded.total, factors.keep, total * factors.add);
  folded.highest = top;
  return factors;
}

__device__ __forceinline__ float fold_value(FoldFactors factors, float folded, float value) {
  return __fmaf_rn(folded, factors.keep, value * factors.add);
}

// Adding zero turns -0 into +0, whose sign could tell of masked positions.
__device__ __forceinline__ float attention_of(float sum, float inverse_total) {
  return sum * inverse_total + 0.0F;
}

}  // namespace switchyard::kernels::cuda
