#include "kernels/avx512/core_dot_bf16.h"
#include "kernels/avx512/kernels_avx512.h"
#include "kernels/avx512/vec_avx512.h"
#include "kernels/simd/attention_tile.h"

namespace switchyard::kernels::avx512 {

constinit const AttentionKernel kAttentionF32 = AttentionTile<CoreF32<VecAvx512>, 6, 4>::kernel();
constinit const AttentionKernel kAttentionWideBf16 =
    AttentionTile<CoreWideBf16<VecAvx512>, 5, 4>::kernel();
constinit const AttentionKernel kAttentionDotBf16 = AttentionTile<CoreDotBf16, 6, 4>::kernel();

}  // namespace switchyard::kernels::avx512
