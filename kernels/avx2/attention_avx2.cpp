#include "kernels/avx2/kernels_avx2.h"
#include "kernels/avx2/vec_avx2.h"
#include "kernels/simd/attention_tile.h"

namespace switchyard::kernels::avx2 {

AttentionKernel attention_f32() noexcept { return AttentionTile<CoreF32<VecAvx2>, 6, 2>::kernel(); }
AttentionKernel attention_wide_bf16() noexcept {
  return AttentionTile<CoreWideBf16<VecAvx2>, 4, 2>::kernel();
}

}  // namespace switchyard::kernels::avx2
