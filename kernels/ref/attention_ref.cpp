#include "kernels/ref/kernels_ref.h"
#include "kernels/ref/vec_ref.h"
#include "kernels/simd/attention_tile.h"

namespace switchyard::kernels::ref {

AttentionKernel attention_f32() noexcept {
  return AttentionTile<CoreF32<VecRef>, 2, 4>::kernel();
}
AttentionKernel attention_wide_bf16() noexcept {
  return AttentionTile<CoreWideBf16<VecRef>, 2, 4>::kernel();
}

}  // namespace switchyard::kernels::ref
