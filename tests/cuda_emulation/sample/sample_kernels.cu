#include "tests/cuda_emulation/sample/sample_kernels.h"

extern __shared__ __align__(16) unsigned char dynamic_shared_memory[];

namespace cuda_emulation::sample {
namespace {

constexpr unsigned int kAll = 0xffffffffU;

__device__ __forceinline__ float warp_sum(float value) {
  for (int delta = 16; delta > 0; delta /= 2) value += __shfl_xor_sync(kAll, value, delta);
  return value;
}

__device__ int deeper(int depth) {
  volatile char frame[4096];
  frame[depth % 4096] = 1;
  return depth == 0 ? frame[0] : deeper(depth - 1) + frame[depth % 4096];
}

}  // namespace

__global__ void __launch_bounds__(256)
    block_sum(const float* __restrict__ x, int count, float* __restrict__ out) {
  __shared__ float warp_sums[8];
  float sum = 0;
  for (unsigned int i = blockIdx.x * blockDim.x + threadIdx.x; i < static_cast<unsigned int>(count);
       i += gridDim.x * blockDim.x) {
    sum += __ldg(x + i);
  }
  sum = warp_sum(sum);
  if (threadIdx.x % warpSize == 0) warp_sums[threadIdx.x / warpSize] = sum;
  __syncthreads();
  if (threadIdx.x >= 32) return;
  const unsigned int warps = blockDim.x / 32;
  sum = warp_sum(threadIdx.x < warps ? warp_sums[threadIdx.x] : 0.0F);
  if (threadIdx.x == 0) out[blockIdx.x] = sum;
}

__global__ void reverse_blocks(int* values) {
  int* tile = reinterpret_cast<int*>(dynamic_shared_memory);
  const unsigned int at = blockIdx.x * blockDim.x + threadIdx.x;
  tile[threadIdx.x] = values[at];
  __syncthreads();
  values[at] = tile[blockDim.x - 1 - threadIdx.x];
}

__global__ void scale(float* values, int count, float factor) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) values[i] = __fmul_rn(values[i], factor);
}

__global__ void add_one(int* values, int count) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) values[i] += 1;
}

__global__ void count_values(const unsigned int* values, int count, unsigned int* histogram,
                             int bins) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) atomicAdd(histogram + values[i] % static_cast<unsigned int>(bins), 1U);
}

__global__ void all_shuffles(int* out) {
  const int lane = static_cast<int>(threadIdx.x);
  int* mine = out + 6 * lane;
  mine[0] = __shfl_sync(kAll, lane, 5);
  mine[1] = __shfl_up_sync(kAll, lane, 3, 16);
  mine[2] = __shfl_down_sync(kAll, lane, 3, 8);
  mine[3] = __shfl_xor_sync(kAll, lane, 1);
  mine[4] = static_cast<int>(__ballot_sync(kAll, lane % 3 == 0));
  mine[5] = __any_sync(kAll, lane == 7) + 2 * __all_sync(kAll, lane < 31);
}

__global__ void count_even(int* out) {
  out[threadIdx.x] = __syncthreads_count(threadIdx.x % 2 == 0);
}

__global__ void draw_tickets(unsigned int* counter, unsigned int* ticket_of) {
  ticket_of[blockIdx.x * blockDim.x + threadIdx.x] = atomicAdd(counter, 1U);
}

__global__ void who_am_i(uint3* thread, uint3* block) {
  const unsigned int in_block = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  const unsigned int in_grid = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned int at = in_grid * blockDim.x * blockDim.y * blockDim.z + in_block;
  thread[at] = threadIdx;
  block[at] = blockIdx;
}

__global__ void skip_barrier(int* out) {
  if (threadIdx.x >= 16) return;
  __syncthreads();
  out[threadIdx.x] = 1;
}

__global__ void differ_barriers(int* out) {
  if (threadIdx.x < 16) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  out[threadIdx.x] = 1;
}

__global__ void miss_lanes(int* out) {
  if (threadIdx.x % 2 == 0) out[threadIdx.x] = __shfl_sync(kAll, 1, 0);
  __syncthreads();
}

__global__ void read_outside_mask(int* out) {
  if (threadIdx.x < 8) out[threadIdx.x] = __shfl_sync(0xffU, 1, 9);
}

__global__ void mask_without_self(int* out) { out[threadIdx.x] = __shfl_sync(1U, 1, 0); }

__global__ void store_at(float* values, long index) {
  if (threadIdx.x == 3) values[index] = 1.0F;
}

__global__ void load_at(const float* values, long index, float* out) { out[0] = values[index]; }

__global__ void load_misaligned(const char* bytes, float4* out) {
  out[0] = *reinterpret_cast<const float4*>(bytes + 4);
}

__global__ void shared_index(int index, int* out) {
  __shared__ int few[8];
  few[threadIdx.x % 8] = 1;
  out[0] = few[index];
}

__global__ void overrun_dynamic(int index) {
  reinterpret_cast<int*>(dynamic_shared_memory)[index] = 1;
}

__global__ void neighbour_without_barrier(const int* in, int* out) {
  __shared__ int tile[64];
  const unsigned int t = threadIdx.x;
  tile[t] = in[t];
  out[t] = tile[(t + 1) % 64];
}

__global__ void lost_updates(int* counter) {
  const int seen = *counter;
  __threadfence();
  *counter = seen + 1;
}

__global__ void recurse(int* depth) { depth[0] = deeper(depth[0]); }

__global__ void trap_if(int* flag) {
  if (flag[0] != 0 && threadIdx.x == 2) __trap();
}

}  // namespace cuda_emulation::sample
