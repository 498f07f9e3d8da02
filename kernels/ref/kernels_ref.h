// kernels/ref/kernels_ref.h -- the kernels that run anywhere; last in every list of candidates.
#pragma once

#include "kernels/ops/attention.h"
#include "kernels/ops/gemm.h"
#include "kernels/ops/row.h"

namespace switchyard::kernels::ref {

[[nodiscard]] GemmKernel gemm_f32() noexcept;
[[nodiscard]] GemmKernel gemm_wide_bf16() noexcept;
[[nodiscard]] AttentionKernel attention_f32() noexcept;
[[nodiscard]] AttentionKernel attention_wide_bf16() noexcept;
[[nodiscard]] RowKernels rows() noexcept;

}  // namespace switchyard::kernels::ref
