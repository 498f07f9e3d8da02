// Ladder (K=2048, N=1024, bf16, cold weights, one thread, this project's reference machine):
// see docs/PERFORMANCE.md for the measured rows. The tile is 6 rows x 4 vectors: 24 sums, 4 weights
// and one broadcast fill the 32 registers and hide the latency of two products a cycle.
#include "kernels/avx512/core_dot_bf16.h"
#include "kernels/avx512/kernels_avx512.h"
#include "kernels/avx512/vec_avx512.h"
#include "kernels/simd/gemm_panel.h"

namespace switchyard::kernels::avx512 {

GemmKernel gemm_f32() noexcept { return GemmPanel<CoreF32<VecAvx512>, 6, 4>::kernel(); }

// Widening needs registers for both halves of the pairs: a smaller tile.
GemmKernel gemm_wide_bf16() noexcept { return GemmPanel<CoreWideBf16<VecAvx512>, 5, 4>::kernel(); }

GemmKernel gemm_dot_bf16() noexcept { return GemmPanel<CoreDotBf16, 6, 4>::kernel(); }

}  // namespace switchyard::kernels::avx512
