// kernels/ref/kernels_ref.h -- the kernels that run anywhere; last in every list of candidates.
#pragma once

#include "kernels/ops/attention.h"
#include "kernels/ops/gemm.h"
#include "kernels/ops/row.h"

namespace switchyard::kernels::ref {

extern const GemmKernel kGemmF32;
extern const GemmKernel kGemmWideBf16;
extern const AttentionKernel kAttentionF32;
extern const AttentionKernel kAttentionWideBf16;
extern const RowKernels kRows;

}  // namespace switchyard::kernels::ref
