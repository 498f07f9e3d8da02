// The greatest column of each row of logits: greedy decoding without the logits leaving the GPU.
// Ladder:
//   1 one thread a row: a chain of V loads.
//   2 (this) one block of 1024 threads a row, 16 bytes a load, several loads in flight; lanes, then
//     warps fold pairs of (value, column).
//   3 (not yet) several blocks a row for one row alone: it takes one processor about 6 us of the
//     head's 186 (V = 151,936, at some 100 GB/s a processor).
// Bytes of a row: 4 V read (the head has just written them: second-level cache), 4 written. V
// comparisons, V / 1024 of them one after the other in a thread, then 10 steps of shuffles.
// Law 1: which columns a thread looks at depends on V alone, and the greatest of pairs under the
// order below does not depend on how they are grouped.
#include "kernels/cuda/device_math.cuh"
#include "kernels/cuda/kernels.h"
#include "kernels/cuda/launch.cuh"

namespace switchyard::kernels::cuda {
namespace {

constexpr unsigned int kThreads = 1024;
constexpr unsigned int kWarps = kThreads / kWarp;
static_assert(kWarps == kWarp, "one warp folds the warps");
constexpr std::uint32_t kNoColumn = 0xFFFFFFFFU;  // kernels/ops/greatest.h: kNoIndex

struct Best {
  float value;
  std::uint32_t column;
};

// The greater value; of equal ones the lower column. Columns of NaN and -infinity never come here.
__device__ __forceinline__ Best better(Best a, Best b) {
  return b.value > a.value || (b.value == a.value && b.column < a.column) ? b : a;
}

__device__ __forceinline__ Best best_of_warp(Best best) {
#pragma unroll
  for (int mask = 16; mask > 0; mask /= 2) {
    Best other;
    other.value = __shfl_xor_sync(kAllLanes, best.value, mask);
    other.column = __shfl_xor_sync(kAllLanes, best.column, mask);
    best = better(best, other);
  }
  return best;
}

__device__ __forceinline__ void look_at(float value, std::size_t column, Best& best) {
  if (value > best.value) best = {value, static_cast<std::uint32_t>(column)};
}

__global__ void __launch_bounds__(kThreads) argmax_kernel(ArgmaxArgs args) {
  __shared__ Best of_warp[kWarps];
  const float* row = args.logits + blockIdx.x * args.stride;
  Best best{__uint_as_float(0xFF800000U), kNoColumn};  // -infinity
  constexpr std::size_t kChunk = kChunkBytes / sizeof(float);
  const bool aligned = reinterpret_cast<std::uintptr_t>(row) % kChunkBytes == 0;
  const std::size_t chunks = aligned ? args.cols / kChunk : 0;
#pragma unroll 4
  for (std::size_t chunk = threadIdx.x; chunk < chunks; chunk += kThreads) {
    const float4 four = reinterpret_cast<const float4*>(row)[chunk];
    look_at(four.x, chunk * kChunk, best);
    look_at(four.y, chunk * kChunk + 1, best);
    look_at(four.z, chunk * kChunk + 2, best);
    look_at(four.w, chunk * kChunk + 3, best);
  }
  for (std::size_t i = chunks * kChunk + threadIdx.x; i < args.cols; i += kThreads) {
    look_at(row[i], i, best);
  }
  best = best_of_warp(best);
  if (threadIdx.x % kWarp == 0) of_warp[threadIdx.x / kWarp] = best;
  __syncthreads();
  if (threadIdx.x >= kWarp) return;
  best = best_of_warp(of_warp[threadIdx.x]);
  const bool finite = best.value < __uint_as_float(0x7F800000U);  // infinity
  if (threadIdx.x == 0) args.ids[blockIdx.x] = finite ? best.column : kNoColumn;
}

}  // namespace

cudaError_t launch_argmax(cudaStream_t stream, const ArgmaxArgs& args) {
  return launch(&argmax_kernel, dim3(static_cast<unsigned int>(args.rows)), kThreads, stream, args);
}

}  // namespace switchyard::kernels::cuda
