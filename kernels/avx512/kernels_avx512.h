// kernels/avx512/kernels_avx512.h -- the AVX-512 kernels on offer; run them only where
// cpu_features.h says so. Safe to include anywhere.
#pragma once

#include "kernels/ops/attention.h"
#include "kernels/ops/gemm.h"
#include "kernels/ops/row.h"

namespace switchyard::kernels::avx512 {

[[nodiscard]] GemmKernel gemm_f32() noexcept;
[[nodiscard]] GemmKernel gemm_wide_bf16() noexcept;  // bf16 operands without VDPBF16PS
[[nodiscard]] GemmKernel gemm_dot_bf16() noexcept;   // VDPBF16PS
[[nodiscard]] AttentionKernel attention_f32() noexcept;
[[nodiscard]] AttentionKernel attention_wide_bf16() noexcept;
[[nodiscard]] AttentionKernel attention_dot_bf16() noexcept;
[[nodiscard]] RowKernels rows() noexcept;

}  // namespace switchyard::kernels::avx512
