// Peak arithmetic with 512-bit fused multiply-adds and bf16 dot products: enough independent chains
// to hide latency.
#include <immintrin.h>

#include "kernels/ceilings.h"

namespace switchyard::kernels::peak {
namespace {

constexpr std::size_t kChains = 16;

void drain(const __m512* sums, float* sink) {
  float lanes[16];
  for (std::size_t c = 0; c < kChains; ++c) {
    _mm512_storeu_ps(lanes, sums[c]);
    *sink += lanes[0];
  }
}

}  // namespace

double fp32_avx512(std::size_t iterations, float* sink) {
  __m512 sums[kChains];
  for (auto& sum : sums) sum = _mm512_setzero_ps();
  const __m512 a = _mm512_set1_ps(0.999F);
  const __m512 b = _mm512_set1_ps(0.001F);
  for (std::size_t i = 0; i < iterations; ++i) {
    for (auto& sum : sums) sum = _mm512_fmadd_ps(sum, a, b);
  }
  drain(sums, sink);
  return 2.0 * 16 * static_cast<double>(kChains) * static_cast<double>(iterations);
}

double bf16_avx512(std::size_t iterations, float* sink) {
  __m512 sums[kChains];
  for (auto& sum : sums) sum = _mm512_setzero_ps();
  // 0x3A83 is about 0.001 in bf16.
  const auto a = reinterpret_cast<__m512bh>(_mm512_set1_epi16(0x3A83));
  const auto b = reinterpret_cast<__m512bh>(_mm512_set1_epi16(0x3A83));
  for (std::size_t i = 0; i < iterations; ++i) {
    for (auto& sum : sums) sum = _mm512_dpbf16_ps(sum, a, b);
  }
  drain(sums, sink);
  return 4.0 * 16 * static_cast<double>(kChains) * static_cast<double>(iterations);
}

}  // namespace switchyard::kernels::peak
