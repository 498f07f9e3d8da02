// Peak fp32 arithmetic with 256-bit fused multiply-adds: enough independent chains to hide latency.
#include <immintrin.h>

#include "kernels/ceilings.h"

namespace switchyard::kernels::peak {

double fp32_avx2(std::size_t iterations, float* sink) {
  constexpr std::size_t kChains = 12;
  __m256 sums[kChains];
  for (auto& sum : sums) sum = _mm256_setzero_ps();
  const __m256 a = _mm256_set1_ps(0.999F);
  const __m256 b = _mm256_set1_ps(0.001F);
  for (std::size_t i = 0; i < iterations; ++i) {
    for (auto& sum : sums) sum = _mm256_fmadd_ps(sum, a, b);
  }
  float lanes[8];
  for (const auto& sum : sums) {
    _mm256_storeu_ps(lanes, sum);
    *sink += lanes[0];
  }
  return 2.0 * 8 * static_cast<double>(kChains) * static_cast<double>(iterations);
}

}  // namespace switchyard::kernels::peak
