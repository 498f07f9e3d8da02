// Peak fp32 arithmetic without intrinsics: what the compiler makes of plain loops.
#include "kernels/ceilings.h"

namespace switchyard::kernels::peak {

double fp32_ref(std::size_t iterations, float* sink) {
  constexpr std::size_t kLanes = 64;
  float sums[kLanes] = {};
  for (std::size_t i = 0; i < iterations; ++i) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] = sums[lane] * 0.999F + 0.001F;
  }
  for (const float sum : sums) *sink += sum;
  return 2.0 * static_cast<double>(kLanes) * static_cast<double>(iterations);
}

}  // namespace switchyard::kernels::peak
