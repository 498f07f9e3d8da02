#include "kernels/ref/kernels_ref.h"
#include "kernels/ref/vec_ref.h"
#include "kernels/simd/gemm_panel.h"

namespace switchyard::kernels::ref {

constinit const GemmKernel kGemmF32 = GemmPanel<CoreF32<VecRef>, 2, 8>::kernel();
constinit const GemmKernel kGemmWideBf16 = GemmPanel<CoreWideBf16<VecRef>, 2, 8>::kernel();

}  // namespace switchyard::kernels::ref
