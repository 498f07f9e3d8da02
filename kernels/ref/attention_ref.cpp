#include "kernels/ref/kernels_ref.h"
#include "kernels/ref/vec_ref.h"
#include "kernels/simd/attention_tile.h"

namespace switchyard::kernels::ref {

constinit const AttentionKernel kAttentionF32 = AttentionTile<CoreF32<VecRef>, 2, 4>::kernel();
constinit const AttentionKernel kAttentionWideBf16 =
    AttentionTile<CoreWideBf16<VecRef>, 2, 4>::kernel();

}  // namespace switchyard::kernels::ref
