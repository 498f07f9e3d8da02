// kernels/ops/row.h -- contracts of the kernels that work on one row of n elements at a time.
// Pointers need the alignment of their element type only. Sums run in an order fixed by n alone.
#pragma once

#include <cstddef>
#include <cstdint>

namespace switchyard::kernels {

// y = x * rsqrt(mean(x^2) + eps) * gain. `operand` (fp32 or bf16) and `fp32` may each be null.
struct RmsNormTask {
  const float* x = nullptr;
  const float* gain = nullptr;
  std::size_t n = 0;
  float eps = 0;
  std::byte* operand = nullptr;
  bool operand_is_bf16 = false;
  float* fp32 = nullptr;  // may equal x
};

// acc = 0; for each slot in order acc = fma(weight, row, acc); residual += acc. Null rows are
// skipped.
struct CombineTask {
  const std::byte* const* rows = nullptr;
  const float* weights = nullptr;
  std::size_t slots = 0;
  std::size_t n = 0;
  float* residual = nullptr;
};

struct RowKernels {
  void (*rmsnorm)(const RmsNormTask& task) = nullptr;
  // x[0..n) clamped to +-limit, in place.
  void (*clamp)(float* x, std::size_t n, float limit) = nullptr;
  // One head in place, NeoX halves: a = x[i], b = x[i + half]; x[i] = a*cos[i] - b*sin[i],
  // x[i + half] = b*cos[i] + a*sin[i].
  void (*rope)(float* x, const float* cos, const float* sin, std::size_t half) = nullptr;
  void (*combine_f32)(const CombineTask& task) = nullptr;
  void (*combine_bf16)(const CombineTask& task) = nullptr;
  // Exact widenings, and narrowing to nearest even; only f32_to_bf16 may work in place (to ==
  // from).
  void (*bf16_to_f32)(const std::byte* from, std::byte* to, std::size_t n) = nullptr;
  void (*f16_to_f32)(const std::byte* from, std::byte* to, std::size_t n) = nullptr;
  void (*f32_to_bf16)(const std::byte* from, std::byte* to, std::size_t n) = nullptr;
};

}  // namespace switchyard::kernels
