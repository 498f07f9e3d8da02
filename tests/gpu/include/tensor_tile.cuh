// tests/gpu/include/tensor_tile.cuh -- the emulation's step of a tensor core, in plain C++: what
// kernels/cuda/native/tensor_tile.cuh has as one instruction. Lanes show each other their operands
// in shared memory. Products are exact and are added to the sum in ascending k; a real tensor core
// adds them in an order and with roundings of its own (tolerances allow for it).
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace switchyard::kernels::cuda {

inline void multiply_tile(float (&sum)[4], const std::uint32_t (&a)[4],
                          const std::uint32_t (&b)[2]) {
  constexpr unsigned int kWarpsMax = 32;
  struct Operands {
    std::uint32_t a[4];
    std::uint32_t b[2];
  };
  static thread_local Operands shown[kWarpsMax][32];
  Operands* lanes = shown[threadIdx.x / 32];
  const unsigned int lane = threadIdx.x % 32;
  lanes[lane] = {{a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
  __syncwarp();
  for (unsigned int i = 0; i < 4; ++i) {
    const unsigned int row = lane / 4 + i / 2 * 8;
    const unsigned int column = lane % 4 * 2 + i % 2;
    for (unsigned int k = 0; k < 16; ++k) {
      const unsigned int t = k % 8 / 2;
      const std::uint32_t x = lanes[row % 8 * 4 + t].a[row / 8 + k / 8 * 2];
      const std::uint32_t y = lanes[column * 4 + t].b[k / 8];
      const unsigned int shift = k % 2 * 16;
      sum[i] =
          __fmaf_rn(__uint_as_float(x >> shift << 16), __uint_as_float(y >> shift << 16), sum[i]);
    }
  }
  __syncwarp();
}

}  // namespace switchyard::kernels::cuda
