// Ladder (K=2048, N=1024, bf16, cold weights, one thread, this project's reference machine):
// see docs/PERFORMANCE.md for the measured rows. The tile is 6 rows x 4 vectors: 24 sums, 4 weights
// and one broadcast fill the 32 registers and hide the latency of two products a cycle.
#include "kernels/avx512/core_dot_bf16.h"
#include "kernels/avx512/kernels_avx512.h"
#include "kernels/avx512/vec_avx512.h"
#include "kernels/simd/gemm_panel.h"

namespace switchyard::kernels::avx512 {

constinit const GemmKernel kGemmF32 = GemmPanel<CoreF32<VecAvx512>, 6, 4>::kernel();

// Widening needs registers for both halves of the pairs: a smaller tile.
constinit const GemmKernel kGemmWideBf16 = GemmPanel<CoreWideBf16<VecAvx512>, 5, 4>::kernel();

constinit const GemmKernel kGemmDotBf16 = GemmPanel<CoreDotBf16, 6, 4>::kernel();

}  // namespace switchyard::kernels::avx512
