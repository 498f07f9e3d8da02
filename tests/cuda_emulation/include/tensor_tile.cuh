// tests/cuda_emulation/include/tensor_tile.cuh -- stands in for
// kernels/cuda/native/tensor_tile.cuh: the same step of a tensor core in plain C++. Products are
// exact; the sums over k run in fp32 in ascending order, which hardware does not promise.
#pragma once

#include <cuda_runtime.h>
#include <cstdint>

namespace switchyard::kernels::cuda {

struct TileOperands {
  float* sum;
  const std::uint32_t* a;
  const std::uint32_t* b;
};

inline float half_of(std::uint32_t pair, std::uint32_t which) {
  return __uint_as_float(which == 0 ? pair << 16 : pair & 0xffff0000U);
}

// Element [row, k] of a and [k, column] of b, from the lanes that hold them.
inline float element_of_a(void* const (&lanes)[32], std::uint32_t row, std::uint32_t k) {
  const auto* holder = static_cast<const TileOperands*>(lanes[row % 8 * 4 + k % 8 / 2]);
  return half_of(holder->a[row / 8 + 2 * (k / 8)], k % 2);
}
inline float element_of_b(void* const (&lanes)[32], std::uint32_t k, std::uint32_t column) {
  const auto* holder = static_cast<const TileOperands*>(lanes[column * 4 + k % 8 / 2]);
  return half_of(holder->b[k / 8], k % 2);
}

inline void multiply_tiles(void* const (&lanes)[32]) {
  float a[16][16];
  float b[16][8];
  for (std::uint32_t k = 0; k < 16; ++k) {
    for (std::uint32_t row = 0; row < 16; ++row) a[row][k] = element_of_a(lanes, row, k);
    for (std::uint32_t column = 0; column < 8; ++column)
      b[k][column] = element_of_b(lanes, k, column);
  }
  for (std::uint32_t row = 0; row < 16; ++row) {
    for (std::uint32_t column = 0; column < 8; ++column) {
      const auto* holder = static_cast<const TileOperands*>(lanes[row % 8 * 4 + column / 2]);
      float& sum = holder->sum[row / 8 * 2 + column % 2];
      for (std::uint32_t k = 0; k < 16; ++k) sum += a[row][k] * b[k][column];
    }
  }
}

inline void multiply_tile(float (&sum)[4], const std::uint32_t (&a)[4],
                          const std::uint32_t (&b)[2]) {
  TileOperands mine{sum, a, b};
  cuda_emulation::together(&multiply_tiles, &mine, cuda_emulation::Where::current());
}

}  // namespace switchyard::kernels::cuda
