#include "kernels/ref/kernels_ref.h"
#include "kernels/ref/vec_ref.h"
#include "kernels/simd/gemm_panel.h"

namespace switchyard::kernels::ref {

GemmKernel gemm_f32() noexcept { return GemmPanel<CoreF32<VecRef>, 2, 8>::kernel(); }
GemmKernel gemm_wide_bf16() noexcept { return GemmPanel<CoreWideBf16<VecRef>, 2, 8>::kernel(); }

}  // namespace switchyard::kernels::ref
