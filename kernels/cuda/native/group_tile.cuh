// kernels/cuda/native/group_tile.cuh -- products of a warpgroup, four warps that use the tensor
// cores together and read both operands from shared memory (wgmma). As with tensor_tile.cuh beside
// it, the tests' emulation has a file of this name. For sm_90a; elsewhere it compiles to a trap,
// and MatmulTeam keeps it from being launched. Device code only; all threads of a group call it
// together. A product runs behind the back of the threads until it is waited for: until then
// neither its sums nor its operands may be touched.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tile_loads.cuh"

namespace switchyard::kernels::cuda {

inline constexpr int kGroupThreads = 128;
inline constexpr int kGroupRows = 64;
inline constexpr int kGroupColumns = 128;
inline constexpr int kGroupSums = kGroupRows * kGroupColumns / kGroupThreads;  // of a thread
inline constexpr int kGroupSteps = 4;                                          // of 16 k in a block
inline constexpr SharedPlace kGroupRowBytes = 128;                             // of a block of 64 k
inline constexpr SharedPlace kGroupAlignment = 1024;                           // of an operand
// Thread t of a group has rows t / 32 * 16 + t % 32 / 4 and that + 8; sums 4 c to 4 c + 3 are
// columns 8 c + t % 4 * 2 and the next, of the first row and then of the second.
using GroupSums = float[kGroupSums];

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)

// An operand whose rows have the pieces of piece_at() (tensor_matmul.cuh): 128-byte swizzle, eight
// rows of 128 bytes each after the other.
__device__ __forceinline__ std::uint64_t operand_of(SharedPlace place) {
  constexpr std::uint64_t kSwizzle128 = std::uint64_t{1} << 62;
  constexpr std::uint64_t kEightRows = std::uint64_t{kGroupAlignment >> 4} << 32;
  constexpr std::uint64_t kUnused = std::uint64_t{1} << 16;
  return ((place & 0x3FFFFU) >> 4) | kUnused | kEightRows | kSwizzle128;
}

// After copies of this thread have arrived and before the barrier that tells the others: groups see
// them from then on.
__device__ __forceinline__ void show_to_groups() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

__device__ __forceinline__ void begin_products() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

// sum[64, 128] += x[64, 16] * w[128, 16]^T: bf16 products, fp32 sums, as multiply_tile() adds them.
// x, w: where the operands' rows of a block begin; step: which 16 k of it.
__device__ __forceinline__ void multiply_group(GroupSums& sum, SharedPlace x, SharedPlace w,
                                               int step) {
  const std::uint64_t a = operand_of(x + static_cast<SharedPlace>(step) * 32);
  const std::uint64_t b = operand_of(w + static_cast<SharedPlace>(step) * 32);
  asm volatile(
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
      "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
      "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, "
      "%64, %65, 1, 1, 1, 0, 0;"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3]), "+f"(sum[4]), "+f"(sum[5]),
        "+f"(sum[6]), "+f"(sum[7]), "+f"(sum[8]), "+f"(sum[9]), "+f"(sum[10]), "+f"(sum[11]),
        "+f"(sum[12]), "+f"(sum[13]), "+f"(sum[14]), "+f"(sum[15]), "+f"(sum[16]), "+f"(sum[17]),
        "+f"(sum[18]), "+f"(sum[19]), "+f"(sum[20]), "+f"(sum[21]), "+f"(sum[22]), "+f"(sum[23]),
        "+f"(sum[24]), "+f"(sum[25]), "+f"(sum[26]), "+f"(sum[27]), "+f"(sum[28]), "+f"(sum[29]),
        "+f"(sum[30]), "+f"(sum[31]), "+f"(sum[32]), "+f"(sum[33]), "+f"(sum[34]), "+f"(sum[35]),
        "+f"(sum[36]), "+f"(sum[37]), "+f"(sum[38]), "+f"(sum[39]), "+f"(sum[40]), "+f"(sum[41]),
        "+f"(sum[42]), "+f"(sum[43]), "+f"(sum[44]), "+f"(sum[45]), "+f"(sum[46]), "+f"(sum[47]),
        "+f"(sum[48]), "+f"(sum[49]), "+f"(sum[50]), "+f"(sum[51]), "+f"(sum[52]), "+f"(sum[53]),
        "+f"(sum[54]), "+f"(sum[55]), "+f"(sum[56]), "+f"(sum[57]), "+f"(sum[58]), "+f"(sum[59]),
        "+f"(sum[60]), "+f"(sum[61]), "+f"(sum[62]), "+f"(sum[63])
      : "l"(a), "l"(b));
}

// The products since the last call are one group of them.
__device__ __forceinline__ void close_products() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

// Until all groups of products but the last kOpen are done.
template <int kOpen>
__device__ __forceinline__ void wait_products() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kOpen) : "memory");
}

// Until all are, so that the sums may be read.
__device__ __forceinline__ void wait_sums(GroupSums& sum) {
  wait_products<0>();
#pragma unroll
  for (float& value : sum) asm volatile("" : "+f"(value)::"memory");
}

#else

__device__ __forceinline__ void show_to_groups() {}
__device__ __forceinline__ void begin_products() {}
__device__ __forceinline__ void multiply_group(GroupSums& /*sum*/, SharedPlace /*x*/,
                                               SharedPlace /*w*/, int /*step*/) {
  __trap();
}
__device__ __forceinline__ void close_products() {}
template <int kOpen>
__device__ __forceinline__ void wait_products() {}
__device__ __forceinline__ void wait_sums(GroupSums& /*sum*/) {}

#endif

}  // namespace switchyard::kernels::cuda
