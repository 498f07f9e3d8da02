// The tile is 6 rows x 2 vectors: 12 sums, 2 weights and one broadcast in 16 registers.
#include "kernels/avx2/kernels_avx2.h"
#include "kernels/avx2/vec_avx2.h"
#include "kernels/simd/gemm_panel.h"

namespace switchyard::kernels::avx2 {

constinit const GemmKernel kGemmF32 = GemmPanel<CoreF32<VecAvx2>, 6, 2>::kernel();

// Widening needs registers for both halves of the pairs: a smaller tile.
constinit const GemmKernel kGemmWideBf16 = GemmPanel<CoreWideBf16<VecAvx2>, 4, 2>::kernel();

}  // namespace switchyard::kernels::avx2
