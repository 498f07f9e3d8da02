#include "kernels/avx2/kernels_avx2.h"
#include "kernels/avx2/vec_avx2.h"
#include "kernels/simd/attention_tile.h"

namespace switchyard::kernels::avx2 {

constinit const AttentionKernel kAttentionF32 = AttentionTile<CoreF32<VecAvx2>, 6, 2>::kernel();
constinit const AttentionKernel kAttentionWideBf16 =
    AttentionTile<CoreWideBf16<VecAvx2>, 4, 2>::kernel();

}  // namespace switchyard::kernels::avx2
