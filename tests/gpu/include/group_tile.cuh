// tests/gpu/include/group_tile.cuh -- the emulation's kernels/cuda/native/group_tile.cuh, in plain
// C++. A product may run as early as it is asked for and as late as it is waited for: those of odd
// blocks do the one, those of even blocks the other, where tile_loads.cuh has copies early. So one
// of them shows an operand overwritten under a product and sums that nobody waited for, the other a
// copy that nobody waited for. Every thread reads the operands for its own sums.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "tile_loads.cuh"

namespace switchyard::kernels::cuda {

inline constexpr int kGroupThreads = 128;
inline constexpr int kGroupRows = 64;
inline constexpr int kGroupColumns = 128;
inline constexpr int kGroupSums = kGroupRows * kGroupColumns / kGroupThreads;
inline constexpr int kGroupSteps = 4;
inline constexpr SharedPlace kGroupRowBytes = 128;
inline constexpr SharedPlace kGroupAlignment = 1024;
using GroupSums = float[kGroupSums];

struct GroupProduct {
  float* sum;
  SharedPlace x;
  SharedPlace w;
  int step;

  static float element(SharedPlace operand, int row, int k) {
    const SharedPlace piece = static_cast<SharedPlace>((k / 8) ^ (row % 8)) * 16;
    std::uint16_t bits = 0;
    std::memcpy(&bits,
                reinterpret_cast<const std::byte*>(operand + row * kGroupRowBytes + piece) +
                    k % 8 * sizeof bits,
                sizeof bits);
    return __uint_as_float(std::uint32_t{bits} << 16);
  }
  void run() const {
    const int thread = static_cast<int>(threadIdx.x) % kGroupThreads;
    for (int i = 0; i < kGroupSums; ++i) {
      const int row = thread / 32 * 16 + thread % 32 / 4 + i % 4 / 2 * 8;
      const int column = i / 4 * 8 + thread % 4 * 2 + i % 2;
      for (int k = 16 * step; k < 16 * step + 16; ++k) {
        sum[i] = __fmaf_rn(element(x, row, k), element(w, column, k), sum[i]);
      }
    }
  }
};
struct ProductQueue {
  unsigned int block[2] = {~0U, ~0U};  // whose products these are: x and y
  std::vector<GroupProduct> open;
  std::vector<std::vector<GroupProduct>> groups;
};

inline ProductQueue& my_products() {
  constexpr unsigned int kThreadsMax = 1024;
  static thread_local ProductQueue queues[kThreadsMax];
  ProductQueue& mine = queues[threadIdx.x];
  if (mine.block[0] != blockIdx.x || mine.block[1] != blockIdx.y) {
    mine = {{blockIdx.x, blockIdx.y}, {}, {}};
  }
  return mine;
}

inline void show_to_groups() {}
inline void begin_products() {}

inline void multiply_group(GroupSums& sum, SharedPlace x, SharedPlace w, int step) {
  if (x % kGroupAlignment != 0 || w % kGroupAlignment != 0) __trap();
  const GroupProduct product{sum, x, w, step};
  if ((blockIdx.x + blockIdx.y) % 2 != 0) {
    product.run();
  } else {
    my_products().open.push_back(product);
  }
}

inline void close_products() {
  ProductQueue& mine = my_products();
  mine.groups.push_back(std::move(mine.open));
  mine.open.clear();
}

template <int kOpen>
void wait_products() {
  auto& groups = my_products().groups;
  while (groups.size() > kOpen) {
    for (const GroupProduct& product : groups.front()) product.run();
    groups.erase(groups.begin());
  }
}

inline void wait_sums(GroupSums& /*sum*/) { wait_products<0>(); }

}  // namespace switchyard::kernels::cuda
