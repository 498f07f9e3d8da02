// kernels/cuda/native/tile_loads.cuh -- tiles on their way from global memory to shared memory,
// behind the back of the threads, and from there to lanes. As with tensor_tile.cuh beside it, the
// tests' emulation has a file of this name. Device code only. Thread safety: a thread's copies are
// its own: wait_copies(), then a barrier, before another thread reads them.
#pragma once

#include <cstdint>

namespace switchyard::kernels::cuda {

// Where something lies in shared memory, in bytes: a pointer would be made into this at every use.
using SharedPlace = std::uint32_t;
__device__ __forceinline__ SharedPlace shared_place(const void* shared) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
}

// 16 aligned bytes, or zeros if they are not `there`; `from` is an address in any case.
__device__ __forceinline__ void copy_async(SharedPlace to, const void* from, bool there) {
  const std::uint32_t bytes = there ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes)
               : "memory");
}

__device__ __forceinline__ void copy_async(void* shared, const void* from, bool there) {
  copy_async(shared_place(shared), from, there);
}

// 16 aligned bytes at once, by this thread itself.
__device__ __forceinline__ void store_piece(SharedPlace to, uint4 piece) {
  asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};" ::"r"(to), "r"(piece.x), "r"(piece.y),
               "r"(piece.z), "r"(piece.w)
               : "memory");
}

// The copies since the last call are one group.
__device__ __forceinline__ void close_copies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}

// Until all groups of this thread but the last kOpen have arrived.
template <int kOpen>
__device__ __forceinline__ void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kOpen) : "memory");
}

// Four matrices of 8 rows of 8 two-byte elements in shared memory: lane l says where row l % 8 of
// matrix l / 8 begins (16 aligned bytes) and gets, with g = l / 4 and t = l % 4, elements [g][2t]
// and [g][2t + 1] of matrix i in word i. All 32 lanes call it together.
__device__ __forceinline__ void load_matrices(std::uint32_t (&word)[4], SharedPlace row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(word[0]), "=r"(word[1]), "=r"(word[2]), "=r"(word[3])
               : "r"(row)
               : "memory");
}

// Four matrices of 8 rows of 8 two-byte elements in shared memory, transposed: lane l says where
// row l % 8 of matrix l / 8 begins (16 aligned bytes) and gets, with g = l / 4 and t = l % 4,
// elements [2t][g] and [2t + 1][g] of matrix i in word i. All 32 lanes call it together.
__device__ __forceinline__ void load_transposed(std::uint32_t (&word)[4], const void* row) {
  const auto from = static_cast<std::uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(word[0]), "=r"(word[1]), "=r"(word[2]), "=r"(word[3])
               : "r"(from)
               : "memory");
}

}  // namespace switchyard::kernels::cuda
