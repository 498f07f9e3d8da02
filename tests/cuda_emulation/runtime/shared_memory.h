// tests/cuda_emulation/runtime/shared_memory.h -- the dynamic shared memory of the block that runs.
// Device code declares it under this name, in the global namespace:
//   extern __shared__ __align__(16) unsigned char dynamic_shared_memory[];
// Poisoned before each block; a write beyond the bytes of the launch is found after the block.
#pragma once

#include <cstddef>
#include <string>

namespace cuda_emulation {

inline constexpr std::size_t kSharedBytesMax =
    227 * 1024;  // per block, as on compute capability 9.0
inline constexpr std::size_t kSharedBytesDefault = 48 * 1024;  // without cudaFuncSetAttribute

void poison_shared_memory(std::size_t dynamic_bytes);
// Empty when nothing wrote past the end.
[[nodiscard]] std::string shared_memory_complaint();

}  // namespace cuda_emulation
