#include "kernels/ref/kernels_ref.h"
#include "kernels/ref/vec_ref.h"
#include "kernels/simd/row_ops.h"

namespace switchyard::kernels::ref {

constinit const RowKernels kRows = RowOps<VecRef>::kernels();

}  // namespace switchyard::kernels::ref
