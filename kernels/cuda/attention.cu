// Causal attention over paged keys, of q that attention_prepare.cu has made ready: for fp32, and
// for bf16 heads of more than 128 (tensor_attention_*.cu have the others).
// Ladder:
//   1 scores of a row in memory, softmax, times values: T^2 scores written and read.
//   2 online softmax in blocks of 64 keys, one block of threads for a token and head: keys and
//     values are read once for each head.
//   3 one block of threads for a kv head and up to 8 query rows (heads of its group, then
//     tokens): a key or value is read once for all of them.
//   4 (this) where that makes too few blocks for the GPU, one for each segment of 256 positions;
//     attention_fold.cu folds what they leave.
// Bytes of one item with n keys: 2 n h * element; flops: 4 n h a query row. Cut into segments, a
// query row writes and reads 4 h + 8 bytes a segment besides: at 8 rows an item 1/16 of its keys
// and values in bf16.
// Order: a score is one chain over h. A segment is one online softmax over its blocks of 64
// positions, row sums and values one chain over the positions, as kernels/ref has it for the whole
// context; masked positions contribute nothing. Segments are folded in ascending order
// (attention_fold.cuh), by this kernel or by the other: law 1 holds whichever it is, and up to 256
// positions the bits are those of kernels/ref.
#include "kernels/cuda/attention_fold.cuh"
#include "kernels/cuda/device_math.cuh"
#include "kernels/cuda/kernels.h"
#include "kernels/cuda/launch.cuh"

namespace switchyard::kernels::cuda {
namespace {

constexpr unsigned int kAttendThreads = 128;
constexpr unsigned int kAttendWarps = kAttendThreads / kWarp;
constexpr int kKeys = 64;  // of a block of the online softmax
constexpr int kHeadSizeMax = 256;
constexpr int kColumnSets = kHeadSizeMax / static_cast<int>(kAttendThreads);
constexpr int kRows = static_cast<int>(kAttendRows);
constexpr int kWarpRows = kRows / static_cast<int>(kAttendWarps);
constexpr int kSegment = static_cast<int>(kSegmentTokens);
static_assert(kSegment % kKeys == 0);

// What the threads of an item share. prob: exact, for the row sums; rounded: for the values.
struct AttendShared {
  float q[kRows][kHeadSizeMax];
  float score[kRows][kKeys];
  float prob[kRows][kKeys];
  float shrink[kRows];
  float total[kRows];
  FoldFactors factors[kRows];
  float folded_total[kRows];
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

// The i-th row of this warp.
__device__ __forceinline__ int warp_row(int i) {
  return static_cast<int>(threadIdx.x / kWarp) + i * static_cast<int>(kAttendWarps);
}

// Positions from `first` on that the i-th row of this warp may see.
__device__ __forceinline__ int visible_from(const AttendArgs& args, const AttendItem& item, int i,
                                            int first) {
  const auto r = static_cast<std::uint32_t>(warp_row(i));
  const std::size_t token =
      item.first_token + (item.first_row + (r < item.rows ? r : 0)) / args.group;
  return static_cast<int>(args.position[token]) + 1 - first;
}

// One warp a row: scores become probabilities against the highest score so far.
template <class Operand>
__device__ void softmax_rows(const AttendItem& item, const int (&visible)[kWarpRows],
                             float (&highest)[kWarpRows], AttendShared& shared) {
  const int lane = static_cast<int>(threadIdx.x % kWarp);
#pragma unroll
  for (int i = 0; i < kWarpRows; ++i) {
    const int r = warp_row(i);
    if (r >= static_cast<int>(item.rows)) continue;
    const int seen = visible[i];
    float low = lane < seen ? shared.score[r][lane] : kLowestScore;
    float high = lane + 32 < seen ? shared.score[r][lane + 32] : kLowestScore;
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

// All keys of a segment for all rows: probabilities against the highest score of the segment.
template <class Operand>
__device__ void walk_segment(const AttendArgs& args, const AttendItem& item, int begin, int last,
                             AttendShared& shared, float (&highest)[kWarpRows],
                             float (&sum)[kRows][kColumnSets]) {
  const int end = last < begin + kSegment ? last + 1 : begin + kSegment;
  for (int first = begin; first < end; first += kKeys) {
    const std::byte* keys = args.cache.base +
                            args.pages[item.pages_begin + first / kKeys] * args.cache.page_bytes +
                            item.kv_head * args.cache.head_bytes;
    const int key_count = end - first < kKeys ? end - first : kKeys;
    __syncthreads();  // queries are in; the values of the block before have been added
    score_keys<Operand>(args, item, keys, key_count, shared);
    int visible[kWarpRows];
#pragma unroll
    for (int i = 0; i < kWarpRows; ++i) {
      const int here = visible_from(args, item, i, first);
      visible[i] = here < 0 ? 0 : (here < kKeys ? here : kKeys);
    }
    __syncthreads();
    softmax_rows<Operand>(item, visible, highest, shared);
    __syncthreads();
    add_values<Operand>(args, item, keys + args.cache.half_bytes, key_count, shared, sum);
  }
}

// The segment's sums for the block that folds them; of rows that see some of it.
__device__ void store_partials(const AttendArgs& args, const AttendItem& item, int begin,
                               const AttendShared& shared, const float (&highest)[kWarpRows],
                               const float (&sum)[kRows][kColumnSets]) {
#pragma unroll
  for (int i = 0; i < kWarpRows; ++i) {
    const int r = warp_row(i);
    if (r >= static_cast<int>(item.rows) || visible_from(args, item, i, begin) <= 0) continue;
    if (threadIdx.x % kWarp == 0) {
      args.partials.softmax[item.partial + r] = SegmentSoftmax{highest[i], shared.total[r]};
    }
  }
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    if (r >= static_cast<int>(item.rows)) continue;
    float* values = args.partials.values + (std::size_t{item.partial} + r) * args.head_size;
#pragma unroll
    for (int set = 0; set < kColumnSets; ++set) {
      const std::size_t column = threadIdx.x + set * kAttendThreads;
      if (column < args.head_size) values[column] = sum[r][set];
    }
  }
}

// The segment's sums join those of the segments before it, and start again from nothing.
__device__ void fold_segment(const AttendArgs& args, const AttendItem& item, int begin,
                             AttendShared& shared, float (&highest)[kWarpRows],
                             Folded (&folded)[kWarpRows], float (&sum)[kRows][kColumnSets],
                             float (&folded_sum)[kRows][kColumnSets]) {
#pragma unroll
  for (int i = 0; i < kWarpRows; ++i) {
    const int r = warp_row(i);
    if (r >= static_cast<int>(item.rows)) continue;
    const bool sees = visible_from(args, item, i, begin) > 0;
    const FoldFactors factors =
        sees ? fold<BaseE>(folded[i], highest[i], shared.total[r]) : FoldFactors{1.0F, 0.0F};
    highest[i] = kLowestScore;
    __syncwarp();  // every lane has read the total
    if (threadIdx.x % kWarp != 0) continue;
    shared.factors[r] = factors;
    shared.folded_total[r] = folded[i].total;
    shared.total[r] = 0.0F;
  }
  __syncthreads();
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    if (r >= static_cast<int>(item.rows)) continue;
    const FoldFactors factors = shared.factors[r];
#pragma unroll
    for (int set = 0; set < kColumnSets; ++set) {
      if (factors.add != 0.0F) {
        folded_sum[r][set] = fold_value(factors, folded_sum[r][set], sum[r][set]);
      }
      sum[r][set] = 0.0F;
    }
  }
}

template <class Operand>
__device__ void store_rows(const AttendArgs& args, const AttendItem& item,
                           const AttendShared& shared, const float (&sum)[kRows][kColumnSets]) {
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    if (r >= static_cast<int>(item.rows)) continue;
    const std::size_t row = item.first_row + r;
    const std::size_t head = item.kv_head * args.group + row % args.group;
    std::byte* out = args.out.data + (item.first_token + row / args.group) * args.out.stride_bytes;
    const float inverse = 1.0F / shared.folded_total[r];
#pragma unroll
    for (int set = 0; set < kColumnSets; ++set) {
      const std::size_t column = threadIdx.x + set * kAttendThreads;
      if (column >= args.head_size) continue;
      Operand::store(out, head * args.head_size + column, attention_of(sum[r][set], inverse));
    }
  }
}

// What both kernels start with. Returns the last position that a row of the item sees.
template <class Operand>
__device__ int start_item(const AttendArgs& args, const AttendItem& item, AttendShared& shared,
                          float (&highest)[kWarpRows]) {
  load_queries<Operand>(args, item, shared);
  if (threadIdx.x < kRows) shared.total[threadIdx.x] = 0.0F;
#pragma unroll
  for (int i = 0; i < kWarpRows; ++i) highest[i] = kLowestScore;
  const std::size_t last_token = item.first_token + (item.first_row + item.rows - 1) / args.group;
  return static_cast<int>(args.position[last_token]);
}

// Items of the whole context: segments are walked and folded one after the other.
template <class Operand>
__global__ void __launch_bounds__(kAttendThreads) attend_kernel(AttendArgs args) {
  __shared__ AttendShared shared;
  const AttendItem item = args.items[blockIdx.x];
  float highest[kWarpRows];
  const int last = start_item<Operand>(args, item, shared, highest);
  float sum[kRows][kColumnSets] = {};
  float folded_sum[kRows][kColumnSets] = {};
  Folded folded[kWarpRows];
  for (int begin = 0; begin <= last; begin += kSegment) {
    walk_segment<Operand>(args, item, begin, last, shared, highest, sum);
    fold_segment(args, item, begin, shared, highest, folded, sum, folded_sum);
  }
  store_rows<Operand>(args, item, shared, folded_sum);
}

// Items of one segment, for fold_kernel. By itself because it needs a third fewer registers.
template <class Operand>
__global__ void __launch_bounds__(kAttendThreads) attend_segment_kernel(AttendArgs args) {
  __shared__ AttendShared shared;
  const AttendItem item = args.items[blockIdx.x];
  float highest[kWarpRows];
  const int last = start_item<Operand>(args, item, shared, highest);
  const int begin = static_cast<int>(item.first_segment) * kSegment;
  float sum[kRows][kColumnSets] = {};
  walk_segment<Operand>(args, item, begin, last, shared, highest, sum);
  store_partials(args, item, begin, shared, highest, sum);
}

}  // namespace

cudaError_t launch_attend(cudaStream_t stream, const AttendArgs& args) {
  const dim3 grid(static_cast<unsigned int>(args.item_count));
  return launch(
      args.cache.dtype == DType::kBf16 ? &attend_kernel<OperandBf16> : &attend_kernel<OperandF32>,
      grid, kAttendThreads, stream, args);
}

cudaError_t launch_attend_segments(cudaStream_t stream, const AttendArgs& args) {
  const dim3 grid(static_cast<unsigned int>(args.item_count));
  return launch(args.cache.dtype == DType::kBf16 ? &attend_segment_kernel<OperandBf16>
                                                 : &attend_segment_kernel<OperandF32>,
                grid, kAttendThreads, stream, args);
}

}  // namespace switchyard::kernels::cuda
