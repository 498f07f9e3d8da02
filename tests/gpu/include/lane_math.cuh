// tests/gpu/include/lane_math.cuh -- the emulation's kernels/cuda/native/lane_math.cuh, in plain
// C++: 2^x is off by less than a real GPU's.
#pragma once

#include <bit>
#include <cfloat>
#include <cmath>
#include <cstdint>

namespace switchyard::kernels::cuda {

inline float exp2_of(float x) {
  const float y = std::exp2(x);
  return y < FLT_MIN ? 0.0F : y;
}

inline std::uint32_t bf16_pair(float low, float high) {
  const auto rounded = [](float value) -> std::uint32_t {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return 0x7FFFU;
    return (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
  };
  return rounded(low) | rounded(high) << 16;
}

}  // namespace switchyard::kernels::cuda
