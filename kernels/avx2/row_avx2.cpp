#include "kernels/avx2/kernels_avx2.h"
#include "kernels/avx2/vec_avx2.h"
#include "kernels/simd/row_ops.h"

namespace switchyard::kernels::avx2 {

constinit const RowKernels kRows = RowOps<VecAvx2>::kernels();

}  // namespace switchyard::kernels::avx2
