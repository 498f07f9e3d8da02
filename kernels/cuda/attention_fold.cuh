// kernels/cuda/attention_fold.cuh -- how the segments of a context become one: the arithmetic that
// the kernel which walks all segments and the kernel which folds stored ones share, operation by
// operation, so that a row's bits do not tell which of them it was. Device code only. Thread
// safety: pure device functions.
#pragma once

#include "kernels/cuda/device_math.cuh"

namespace switchyard::kernels::cuda {

inline constexpr float kLowestScore = -3.0e38F;

// The segments so far: the highest score, and the probabilities against it summed.
struct Folded {
  float highest = kLowestScore;
  float total = 0.0F;
};
// What the sums so far and those of the next segment are multiplied by. add is never 0 for a
// segment that a row sees (exp_as_ref is clamped).
struct FoldFactors {  // lies in shared memory: no initialisers
  float keep;
  float add;
};

// The first segment goes in as it is: nothing times any factor, plus it times exp(0) = 1.
__device__ __forceinline__ FoldFactors fold(Folded& folded, float highest, float total) {
  const float top = fmaxf(folded.highest, highest);
  const FoldFactors factors{exp_as_ref(folded.highest - top), exp_as_ref(highest - top)};
  folded.total = folded.total * factors.keep + total * factors.add;
  folded.highest = top;
  return factors;
}

__device__ __forceinline__ float fold_value(FoldFactors factors, float folded, float value) {
  return folded * factors.keep + value * factors.add;
}

// Adding zero turns -0 into +0, whose sign could tell of masked positions.
__device__ __forceinline__ float attention_of(float sum, float inverse_total) {
  return sum * inverse_total + 0.0F;
}

}  // namespace switchyard::kernels::cuda
