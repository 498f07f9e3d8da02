// q, k and v prepared (norm, clip, RoPE, cache write), then causal attention over paged keys.
// Ladder:
//   1 scores of a row in memory, softmax, times values: T^2 scores written and read.
//   2 online softmax in blocks of 64 keys, one block of threads for a token and head: keys and
//     values are read once for each head.
//   3 (this) one block of threads for a kv head and up to 8 query rows (heads of its group, then
//     tokens): a key or value is read once for all of them.
//   4 (not yet) the keys of a row over several blocks of threads (fixed split, so that law 1
//     holds) for long contexts of few sequences; tensor cores for long prompts.
// Bytes of one item with n keys: 2 n h * element; flops: 4 n h a query row.
// Order as kernels/ref: a score is one chain over h, blocks of 64 positions from position 0, row
// sums and values one chain over the positions; masked positions contribute nothing.
#include "kernels/cuda/device_math.cuh"
#include "kernels/cuda/kernels.h"
#include "kernels/cuda/launch.cuh"

namespace switchyard::kernels::cuda {
namespace {

constexpr unsigned int kPrepareThreads = 256;
constexpr unsigned int kAttendThreads = 128;
constexpr unsigned int kAttendWarps = kAttendThreads / kWarp;
constexpr int kKeys = 64;  // of a block of the online softmax
constexpr int kHeadSizeMax = 256;
constexpr int kColumnSets = kHeadSizeMax / static_cast<int>(kAttendThreads);
constexpr int kRows = static_cast<int>(kAttendRows);
constexpr float kLowest = -3.0e38F;

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

// One block a token, one warp a head at a time: query heads, then keys, then values.
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
                     position % kKeys * args.cache.row_bytes;
  for (std::size_t index = threadIdx.x / kWarp; index < args.heads + 2 * args.kv_heads;
       index += kPrepareThreads / kWarp) {
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

// What the threads of an item share. prob: exact, for the row sums; rounded: for the values.
struct AttendShared {
  float q[kRows][kHeadSizeMax];
  float score[kRows][kKeys];
  float prob[kRows][kKeys];
  float shrink[kRows];
  float total[kRows];
};

template <class Operand>
__device__ void load_queries(const AttendArgs& args, const AttendItem& item, AttendShared& shared) {
  for (std::uint32_t r = 0; r < item.rows; ++r) {
    const std::size_t row = item.first_row + r;
    const std::size_t head = item.kv_head * args.group + row % args.group;
    const float* q =
        args.q + (item.first_token + row / args.group) * args.q_stride + head * args.head_size;
    for (std::size_t i = threadIdx.x; i < kHeadSizeMax; i += kAttendThreads) {
      shared.q[r][i] = i < args.head_size ? q[i] : 0.0F;
    }
  }
}

// Thread: one key, every other row (threads 0..63 the even rows, 64..127 the odd ones).
template <class Operand>
__device__ void score_keys(const AttendArgs& args, const AttendItem& item, const std::byte* keys,
                           int key_count, AttendShared& shared) {
  const int key = static_cast<int>(threadIdx.x) % kKeys;
  const int odd = static_cast<int>(threadIdx.x) / kKeys;
  if (key >= key_count) return;
  float sum[kRows / 2];
#pragma unroll
  for (int i = 0; i < kRows / 2; ++i) sum[i] = 0.0F;
  const std::byte* row = keys + key * args.cache.row_bytes;
  for (std::size_t first = 0; first < args.head_size; first += Operand::kChunk) {
    float value[Operand::kChunk];
    Operand::load_chunk(row + first * size_bytes(Operand::kDType), value);
#pragma unroll
    for (int i = 0; i < kRows / 2; ++i) {
      if (2 * i + odd >= static_cast<int>(item.rows)) continue;
#pragma unroll
      for (int e = 0; e < Operand::kChunk; ++e) {
        sum[i] = Operand::add_product(shared.q[2 * i + odd][first + e], value[e], sum[i]);
      }
    }
  }
#pragma unroll
  for (int i = 0; i < kRows / 2; ++i) shared.score[2 * i + odd][key] = sum[i] * args.scale;
}

// One warp a row: scores become probabilities against the highest score so far.
template <class Operand>
__device__ void softmax_rows(const AttendItem& item, const int (&visible)[kRows / kAttendWarps],
                             float (&highest)[kRows / kAttendWarps], AttendShared& shared) {
  const int lane = static_cast<int>(threadIdx.x % kWarp);
#pragma unroll
  for (int i = 0; i < kRows / static_cast<int>(kAttendWarps); ++i) {
    const int r = static_cast<int>(threadIdx.x / kWarp) + i * static_cast<int>(kAttendWarps);
    if (r >= static_cast<int>(item.rows)) continue;
    const int seen = visible[i];
    float low = lane < seen ? shared.score[r][lane] : kLowest;
    float high = lane + 32 < seen ? shared.score[r][lane + 32] : kLowest;
    const float top = warp_max(fmaxf(low, high));
    float shrink = 1.0F;
    if (top > highest[i]) {
      shrink = exp_as_ref(highest[i] - top);
      highest[i] = top;
    }
    low = lane < seen ? exp_as_ref(low - highest[i]) : 0.0F;
    high = lane + 32 < seen ? exp_as_ref(high - highest[i]) : 0.0F;
    shared.prob[r][lane] = low;
    shared.prob[r][lane + 32] = high;
    shared.score[r][lane] = Operand::round(low);
    shared.score[r][lane + 32] = Operand::round(high);
    __syncwarp();
    if (lane == 0) {
      float total = shared.total[r] * shrink;
      for (int key = 0; key < seen; ++key) total += shared.prob[r][key];
      shared.total[r] = total;
      shared.shrink[r] = shrink;
    }
  }
}

// Thread: columns threadIdx.x and threadIdx.x + 128 of all rows.
template <class Operand>
__device__ void add_values(const AttendArgs& args, const AttendItem& item, const std::byte* values,
                           int key_count, const AttendShared& shared,
                           float (&sum)[kRows][kColumnSets]) {
#pragma unroll
  for (int set = 0; set < kColumnSets; ++set) {
    const std::size_t column = threadIdx.x + set * kAttendThreads;
    if (column >= args.head_size) continue;
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      if (r < static_cast<int>(item.rows)) sum[r][set] = sum[r][set] * shared.shrink[r];
    }
    for (int key = 0; key < key_count; ++key) {
      const float value = Operand::load(values + key * args.cache.row_bytes, column);
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
        if (r >= static_cast<int>(item.rows)) continue;
        sum[r][set] = Operand::add_product(shared.score[r][key], value, sum[r][set]);
      }
    }
  }
}

template <class Operand>
__device__ void store_sums(const AttendArgs& args, const AttendItem& item,
                           const AttendShared& shared, const float (&sum)[kRows][kColumnSets]) {
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    if (r >= static_cast<int>(item.rows)) continue;
    const std::size_t row = item.first_row + r;
    const std::size_t head = item.kv_head * args.group + row % args.group;
    std::byte* out = args.out.data + (item.first_token + row / args.group) * args.out.stride_bytes;
    const float inverse = 1.0F / shared.total[r];
#pragma unroll
    for (int set = 0; set < kColumnSets; ++set) {
      const std::size_t column = threadIdx.x + set * kAttendThreads;
      if (column >= args.head_size) continue;
      Operand::store(out, head * args.head_size + column, sum[r][set] * inverse + 0.0F);
    }
  }
}

template <class Operand>
__global__ void __launch_bounds__(kAttendThreads) attend_kernel(AttendArgs args) {
  __shared__ AttendShared shared;
  const AttendItem item = args.items[blockIdx.x];
  load_queries<Operand>(args, item, shared);
  if (threadIdx.x < kRows) shared.total[threadIdx.x] = 0.0F;
  float sum[kRows][kColumnSets];
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
#pragma unroll
    for (int set = 0; set < kColumnSets; ++set) sum[r][set] = 0.0F;
  }
  constexpr int kWarpRows = kRows / static_cast<int>(kAttendWarps);
  float highest[kWarpRows];
#pragma unroll
  for (int i = 0; i < kWarpRows; ++i) highest[i] = kLowest;
  const std::size_t last_token = item.first_token + (item.first_row + item.rows - 1) / args.group;
  const int last = static_cast<int>(args.position[last_token]);
  for (int first = 0; first <= last; first += kKeys) {
    const std::byte* keys = args.cache.base +
                            args.pages[item.pages_begin + first / kKeys] * args.cache.page_bytes +
                            item.kv_head * args.cache.head_bytes;
    const int key_count = last + 1 - first < kKeys ? last + 1 - first : kKeys;
    __syncthreads();  // queries are in; the values of the block before have been added
    score_keys<Operand>(args, item, keys, key_count, shared);
    int visible[kWarpRows];
#pragma unroll
    for (int i = 0; i < kWarpRows; ++i) {
      const std::uint32_t r = threadIdx.x / kWarp + i * kAttendWarps;
      const std::size_t token =
          item.first_token + (item.first_row + (r < item.rows ? r : 0)) / args.group;
      const int here = static_cast<int>(args.position[token]) + 1 - first;
      visible[i] = here < 0 ? 0 : (here < kKeys ? here : kKeys);
    }
    __syncthreads();
    softmax_rows<Operand>(item, visible, highest, shared);
    __syncthreads();
    add_values<Operand>(args, item, keys + args.cache.half_bytes, key_count, shared, sum);
  }
  store_sums<Operand>(args, item, shared, sum);
}

}  // namespace

cudaError_t launch_prepare(cudaStream_t stream, const PrepareArgs& args) {
  const dim3 grid(static_cast<unsigned int>(args.rows));
  return launch(
      args.cache.dtype == DType::kBf16 ? &prepare_kernel<OperandBf16> : &prepare_kernel<OperandF32>,
      grid, kPrepareThreads, stream, args);
}

cudaError_t launch_attend(cudaStream_t stream, const AttendArgs& args) {
  const dim3 grid(static_cast<unsigned int>(args.item_count));
  return launch(
      args.cache.dtype == DType::kBf16 ? &attend_kernel<OperandBf16> : &attend_kernel<OperandF32>,
      grid, kAttendThreads, stream, args);
}

}  // namespace switchyard::kernels::cuda
