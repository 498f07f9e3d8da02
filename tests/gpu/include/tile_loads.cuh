// tests/gpu/include/tile_loads.cuh -- the emulation's kernels/cuda/native/tile_loads.cuh, in plain
// C++. A copy may run as early as it is queued and as late as it is waited for: those of even
// blocks do the one, those of odd blocks the other, so that a copy over something still in use and
// a missing wait both show.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <cstring>
#include <vector>

namespace switchyard::kernels::cuda {

using SharedPlace = std::uintptr_t;
inline SharedPlace shared_place(const void* shared) {
  return reinterpret_cast<std::uintptr_t>(shared);
}

struct QueuedCopy {
  void* to;
  const void* from;
  bool there;
  void run() const {
    if (there) {
      std::memcpy(to, from, 16);
    } else {
      std::memset(to, 0, 16);
    }
  }
};
struct CopyQueue {
  unsigned int block[2] = {~0U, ~0U};  // whose copies these are: x and y
  std::vector<QueuedCopy> open;
  std::vector<std::vector<QueuedCopy>> groups;
};

inline CopyQueue& my_copies() {
  constexpr unsigned int kThreadsMax = 1024;
  static thread_local CopyQueue queues[kThreadsMax];
  CopyQueue& mine = queues[threadIdx.x];
  if (mine.block[0] != blockIdx.x || mine.block[1] != blockIdx.y) {
    mine = {{blockIdx.x, blockIdx.y}, {}, {}};
  }
  return mine;
}

inline void copy_async(void* shared, const void* from, bool there) {
  const QueuedCopy copy{shared, from, there};
  if ((blockIdx.x + blockIdx.y) % 2 == 0) {
    copy.run();
  } else {
    my_copies().open.push_back(copy);
  }
}

inline void copy_async(SharedPlace to, const void* from, bool there) {
  copy_async(reinterpret_cast<void*>(to), from, there);
}

inline void store_piece(SharedPlace to, uint4 piece) { *reinterpret_cast<uint4*>(to) = piece; }

inline void close_copies() {
  CopyQueue& mine = my_copies();
  mine.groups.push_back(std::move(mine.open));
  mine.open.clear();
}

template <int kOpen>
void wait_copies() {
  auto& groups = my_copies().groups;
  while (groups.size() > kOpen) {
    for (const QueuedCopy& copy : groups.front()) copy.run();
    groups.erase(groups.begin());
  }
}

inline void load_matrices(std::uint32_t (&word)[4], SharedPlace mine) {
  const int g = static_cast<int>(threadIdx.x % 32 / 4);
  const int t = static_cast<int>(threadIdx.x % 4);
  for (int i = 0; i < 4; ++i) {
    const std::uintptr_t from = __shfl_sync(0xFFFFFFFFU, mine, 8 * i + g);
    std::memcpy(&word[i], reinterpret_cast<const std::byte*>(from) + 4 * t, 4);
  }
}

inline void load_transposed(std::uint32_t (&word)[4], const void* row) {
  const auto mine = reinterpret_cast<std::uintptr_t>(row);
  const int g = static_cast<int>(threadIdx.x % 32 / 4);
  const int t = static_cast<int>(threadIdx.x % 4);
  for (int i = 0; i < 4; ++i) {
    std::uint32_t pair = 0;
    for (int half = 0; half < 2; ++half) {
      const std::uintptr_t from = __shfl_sync(0xFFFFFFFFU, mine, 8 * i + 2 * t + half);
      pair |= std::uint32_t{reinterpret_cast<const std::uint16_t*>(from)[g]} << (16 * half);
    }
    word[i] = pair;
  }
}

}  // namespace switchyard::kernels::cuda
