// kernels/avx2/kernels_avx2.h -- the AVX2 kernels on offer; run them only where cpu_features.h says
// so. Constants, not functions: nothing of these translation units may run to find out what there
// is. Safe to include anywhere.
#pragma once

#include "kernels/ops/attention.h"
#include "kernels/ops/gemm.h"
#include "kernels/ops/row.h"

namespace switchyard::kernels::avx2 {

extern const GemmKernel kGemmF32;
extern const GemmKernel kGemmWideBf16;
extern const AttentionKernel kAttentionF32;
extern const AttentionKernel kAttentionWideBf16;
extern const RowKernels kRows;

}  // namespace switchyard::kernels::avx2
