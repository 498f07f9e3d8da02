// q, k and v of a layer made ready for attention: norm, clip, RoPE; k and v go to the cache.
// Ladder: one block a head (too few bytes each) -> one block a token, one warp a head at a time,
// lanes side by side along the head: 10 us for one token on an H200, five heads one after the other
// -> (this) as many blocks as give each warp one head. Bytes of a token: 4 (H + 2 G) h read, 4 H h
// written; 2 G h * element to the cache. Flops: 3 (H + G) h for the rotation, 4 (H + G) h for a
// norm and (H + 2 G) h for a clip where there are: bound by memory, and for one token by the
// launch. Order: the sums of a norm are trees over the lanes; rotation and clip as kernels/ref.
#include "kernels/cuda/device_math.cuh"
#include "kernels/cuda/kernels.h"
#include "kernels/cuda/launch.cuh"

namespace switchyard::kernels::cuda {
namespace {

constexpr unsigned int kPrepareThreads = 256;
constexpr unsigned int kPrepareWarps = kPrepareThreads / kWarp;
constexpr std::size_t kPageTokens = 64;

// 1 / sqrt(mean(x^2) + eps), the same in every lane.
__device__ __forceinline__ float norm_factor(const float* x, std::size_t n, float eps) {
  float sum = 0.0F;
  for (std::size_t i = threadIdx.x % kWarp; i < n; i += kWarp) sum = __fmaf_rn(x[i], x[i], sum);
  return 1.0F / sqrtf(warp_sum(sum) / static_cast<float>(n) + eps);
}

struct HeadWork {
  float* x = nullptr;
  float factor = 1.0F;
  const float* gain = nullptr;  // null: no norm
  std::byte* cache = nullptr;   // where the result goes; null: it stays in x, rounded
};

__device__ __forceinline__ float prepared(const PrepareArgs& args, const HeadWork& head,
                                          std::size_t i) {
  float value = head.x[i];
  if (head.gain != nullptr) value = value * head.factor * head.gain[i];
  if (args.clip > 0) value = fmaxf(fminf(value, args.clip), -args.clip);
  return value;
}

template <class Operand>
__device__ __forceinline__ void put(const HeadWork& head, std::size_t i, float value) {
  if (head.cache != nullptr) {
    Operand::store(head.cache, i, value);
  } else {
    head.x[i] = Operand::round(value);
  }
}

template <class Operand>
__device__ void rotate(const PrepareArgs& args, const HeadWork& head, std::size_t position) {
  const std::size_t half = args.head_size / 2;
  const float* cosines = args.cosines + position * half;
  const float* sines = args.sines + position * half;
  for (std::size_t i = threadIdx.x % kWarp; i < half; i += kWarp) {
    const float a = prepared(args, head, i);
    const float b = prepared(args, head, i + half);
    put<Operand>(head, i, a * cosines[i] - b * sines[i]);
    put<Operand>(head, i + half, a * sines[i] + b * cosines[i]);
  }
}

// A token's heads, one warp a head at a time: query heads, then keys, then values. Blocks share
// them out, or one has them all where a norm is over more than a head.
template <class Operand>
__global__ void __launch_bounds__(kPrepareThreads) prepare_kernel(PrepareArgs args) {
  const std::size_t t = blockIdx.x;
  const std::size_t position = args.position[t];
  float* q = args.q + t * args.q_stride;
  float* k = args.k + t * args.k_stride;
  float* v = args.v + t * args.v_stride;
  float q_factor = 1.0F;
  float k_factor = 1.0F;
  if (args.norm == HeadNorm::kWholeRow) {
    q_factor = norm_factor(q, args.heads * args.head_size, args.q_eps);
    k_factor = norm_factor(k, args.kv_heads * args.head_size, args.k_eps);
  }
  __syncthreads();  // every warp has read the rows before one writes
  std::byte* place = args.cache.base + args.page[t] * args.cache.page_bytes +
                     position % kPageTokens * args.cache.row_bytes;
  for (std::size_t index = blockIdx.y * kPrepareWarps + threadIdx.x / kWarp;
       index < args.heads + 2 * args.kv_heads; index += gridDim.y * kPrepareWarps) {
    HeadWork head;
    if (index >= args.heads + args.kv_heads) {
      const std::size_t g = index - args.heads - args.kv_heads;
      head.x = v + g * args.head_size;
      head.cache = place + g * args.cache.head_bytes + args.cache.half_bytes;
      for (std::size_t i = threadIdx.x % kWarp; i < args.head_size; i += kWarp) {
        put<Operand>(head, i, prepared(args, head, i));
      }
      continue;
    }
    const bool query = index < args.heads;
    const std::size_t h = query ? index : index - args.heads;
    head.x = (query ? q : k) + h * args.head_size;
    head.factor = query ? q_factor : k_factor;
    if (args.norm != HeadNorm::kNone) {
      const bool whole = args.norm == HeadNorm::kWholeRow;
      head.gain = (query ? args.q_gain : args.k_gain) + (whole ? h * args.head_size : 0);
      if (!whole) {
        head.factor = norm_factor(head.x, args.head_size, query ? args.q_eps : args.k_eps);
      }
    }
    if (!query) head.cache = place + h * args.cache.head_bytes;
    __syncwarp();  // the norm has read the head before a lane writes it
    rotate<Operand>(args, head, position);
  }
}

}  // namespace

cudaError_t launch_prepare(cudaStream_t stream, const PrepareArgs& args) {
  const std::size_t heads = args.heads + 2 * args.kv_heads;
  const std::size_t blocks =
      args.norm == HeadNorm::kWholeRow ? 1 : (heads + kPrepareWarps - 1) / kPrepareWarps;
  const dim3 grid(static_cast<unsigned int>(args.rows), static_cast<unsigned int>(blocks));
  return launch(
      args.cache.dtype == DType::kBf16 ? &prepare_kernel<OperandBf16> : &prepare_kernel<OperandF32>,
      grid, kPrepareThreads, stream, args);
}

}  // namespace switchyard::kernels::cuda
