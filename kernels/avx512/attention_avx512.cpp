#include "kernels/avx512/core_dot_bf16.h"
#include "kernels/avx512/kernels_avx512.h"
#include "kernels/avx512/vec_avx512.h"
#include "kernels/simd/attention_tile.h"

namespace switchyard::kernels::avx512 {

AttentionKernel attention_f32() noexcept {
  return AttentionTile<CoreF32<VecAvx512>, 6, 4>::kernel();
}
AttentionKernel attention_wide_bf16() noexcept {
  return AttentionTile<CoreWideBf16<VecAvx512>, 5, 4>::kernel();
}
AttentionKernel attention_dot_bf16() noexcept { return AttentionTile<CoreDotBf16, 6, 4>::kernel(); }

}  // namespace switchyard::kernels::avx512
