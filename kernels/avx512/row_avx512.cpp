#include "kernels/avx512/kernels_avx512.h"
#include "kernels/avx512/vec_avx512.h"
#include "kernels/simd/row_ops.h"

namespace switchyard::kernels::avx512 {

constinit const RowKernels kRows = RowOps<VecAvx512>::kernels();

}  // namespace switchyard::kernels::avx512
