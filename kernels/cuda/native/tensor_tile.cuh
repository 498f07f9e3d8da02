// kernels/cuda/native/tensor_tile.cuh -- one step of a tensor core. The tests' emulation has a file
// of this name in its own include folder, written in plain C++; which one a build sees is decided
// by its include path. Device code only; all 32 lanes call it together.
#pragma once

#include <cstdint>

namespace switchyard::kernels::cuda {

// sum[16, 8] += a[16, 16] * b[16, 8]: bf16 products, fp32 sums. Lane l holds, with g = l / 4 and
// t = l % 4: a[0], a[1]: rows g and g + 8 at k = 2t, 2t + 1; a[2], a[3]: the same rows at k + 8;
// b[0]: column g at k = 2t, 2t + 1; b[1]: at k + 8; sum[0], sum[1]: row g, columns 2t, 2t + 1;
// sum[2], sum[3]: row g + 8. An element of `sum` depends on its row of a and its column of b alone.
__device__ __forceinline__ void multiply_tile(float (&sum)[4], const std::uint32_t (&a)[4],
                                              const std::uint32_t (&b)[2]) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

}  // namespace switchyard::kernels::cuda
