// Causal attention over paged keys on tensor cores for runs of many query rows: prompts and chunks
// of them, in bf16. Items of up to 64 rows.
// Ladder:
//   1 attention.cu on fp32 pipes: 8 rows an item, 3.6 TFLOP/s on an H200 (64 tokens, 4096 keys).
//   2 (this) FlashAttention-2 (Dao 2023): 64 rows an item, four warps of 16; a page's keys and
//     values are brought to shared memory once for all of them by cp.async, the keys while values
//     are worked on and the reverse; scores, probabilities and sums stay in registers.
//   3 (not yet) wgmma and TMA.
// Bytes of one item with n keys: 4 n h from the caches; flops: 4 n h a query row. A warp reads a
// page's 256 h bytes and 32 h of q from shared memory for its 4 * 16 * 64 h flops: 288 cycles at
// 128 bytes a cycle, where mma.sync needs about 190 on an H200 (at the 627 TFLOP/s measured there)
// and 256 on an A100 (h = 128): bound by shared memory at about 2/3 of that peak.
// Order: attention_page.cuh. Law 1 holds: nothing in a row's sums depends on the other rows. q is
// bf16 already when it comes (attention_prepare.cu), so that the tensor cores lose nothing of it.
// Shared memory: the 16-byte chunks of a row of keys or values are dealt out so that neither the
// lanes that read along rows nor those that read across meet in a bank.
#include "kernels/cuda/attention_page.cuh"
#include "kernels/cuda/launch.cuh"
#include "tile_loads.cuh"

namespace switchyard::kernels::cuda {
namespace {

constexpr int kWarps = static_cast<int>(kTensorAttendMany) / kWarpQueries;
constexpr unsigned int kThreads = kWarps * kWarp;

// 48 KiB for a head of 128.
template <int kHead>
struct ManyShared {
  uint4 keys[kPageKeys * kHead / 8];
  uint4 values[kPageKeys * kHead / 8];
  uint4 query[kHead / 32][2][kThreads];  // as WarpQueries has them, of each thread for itself
};

// Where a chunk of a tile's row lies. Eight rows in a column, and two in a row's half, are in
// different banks.
template <int kHead>
__device__ __forceinline__ int chunk_place(int row, int chunk) {
  return row * (kHead / 8) + (chunk ^ (((row & 1) << 2) | ((row >> 1) & 3)));
}

// kCut: items of segments that are left for fold_kernel. By themselves because they need a quarter
// fewer registers.
template <int kHead, bool kCut>
struct ManyRows {
  static constexpr int kColumnTiles = kHead / 8;
  using Sums = float[kColumnTiles][4];

  const AttendArgs& args;
  const AttendItem& item;
  ManyShared<kHead>& shared;
  int position[2];  // the last that the lane's rows see; -1: the warp has no rows
  Folded segment[2];
  Folded whole[2];
  Sums segment_sum;
  Sums whole_sum;

  __device__ __forceinline__ int first_row() const {
    return static_cast<int>(threadIdx.x / kWarp) * kWarpQueries;
  }
  // Whether the warp's row `half` of this lane exists.
  __device__ __forceinline__ bool has_row(int half) const {
    return first_row() + half * 8 + lane_group() < static_cast<int>(item.rows);
  }

  // Starts the copy of 64 rows of keys or values; zeros behind row `count` and behind the head.
  // All 64 rows are memory of the page.
  __device__ __forceinline__ void bring(const std::byte* from, int count, uint4* to) const {
    constexpr int kRowChunks = kHead / 8;
    constexpr int kRowsAtOnce = static_cast<int>(kThreads) / kRowChunks;
    static_assert(kRowsAtOnce % 8 == 0);  // so that chunk_place goes on in equal steps
    const int row = static_cast<int>(threadIdx.x) / kRowChunks;
    const int chunk = static_cast<int>(threadIdx.x) % kRowChunks;
    const bool in_row = chunk < static_cast<int>(args.cache.row_bytes / kChunkBytes);
    from += row * args.cache.row_bytes + (in_row ? chunk * kChunkBytes : 0);
    uint4* place = to + chunk_place<kHead>(row, chunk);
#pragma unroll
    for (int i = 0; i < kPageKeys / kRowsAtOnce; ++i) {
      copy_async(place + i * kRowsAtOnce * kRowChunks, from,
                 in_row && row + i * kRowsAtOnce < count);
      from += kRowsAtOnce * args.cache.row_bytes;
    }
  }

  __device__ __forceinline__ void load_own_queries() {
    WarpQueries<kHead> queries;
    load_queries(args, item, first_row(), queries);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      position[half] = first_row() < static_cast<int>(item.rows) ? queries.position[half] : -1;
#pragma unroll
      for (int block = 0; block < kHead / 32; ++block) {
        shared.query[block][half][threadIdx.x] = queries.word[block][half];
      }
    }
  }

  __device__ __forceinline__ void score(PageScores& scores) const {
#pragma unroll
    for (int block = 0; block < kHead / 32; ++block) {
      const uint4 low = shared.query[block][0][threadIdx.x];
      const uint4 high = shared.query[block][1][threadIdx.x];
#pragma unroll
      for (int i = 0; i < kKeyTiles; ++i) {
        const int row = i * 8 + lane_group();
        const uint4 key = shared.keys[chunk_place<kHead>(row, block * 4 + lane_place())];
        add_scores(low, high, key, scores[i]);
      }
    }
  }

  // The page joins the segment of rows that see some of it.
  __device__ __forceinline__ void add_page(const PageScores& scores, const bool (&sees)[2]) {
    PageSoftmax page;
    softmax_of_page(scores, args.scale, page);
    FoldFactors factors[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      Folded next = segment[half];
      factors[half] = fold<BaseTwo>(next, page.highest[half], page.total[half]);
      if (sees[half]) segment[half] = next;
    }
    const int lane = static_cast<int>(threadIdx.x % kWarp);
#pragma unroll
    for (int pair = 0; pair < kColumnTiles / 2; ++pair) {
      float sum[2][4] = {};
#pragma unroll
      for (int step = 0; step < kValueSteps; ++step) {
        std::uint32_t word[4];
        load_transposed(
            word, &shared.values[chunk_place<kHead>(step * 16 + lane % 16, pair * 2 + lane / 16)]);
        const ProbTile prob = prob_tile(page, step);
        const std::uint32_t first[2] = {word[0], word[1]};
        const std::uint32_t second[2] = {word[2], word[3]};
        multiply_tile(sum[0], prob.word, first);
        multiply_tile(sum[1], prob.word, second);
      }
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        const int half = i % 4 / 2;
        float& to = segment_sum[pair * 2 + i / 4][i % 4];
        if (sees[half]) to = fold_value(factors[half], to, sum[i / 4][i % 4]);
      }
    }
  }

  // The segment joins the context, or is left for fold_kernel, of rows that see some of it; the
  // next one starts from nothing.
  __device__ __forceinline__ void end_segment(int number) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      if (position[half] < number * static_cast<int>(kSegmentTokens)) continue;
      if (kCut) {
        store_partial(number, half);
      } else {
        const FoldFactors factors =
            fold<BaseTwo>(whole[half], segment[half].highest, segment[half].total);
#pragma unroll
        for (int i = 0; i < 2 * kColumnTiles; ++i) {
          float& to = whole_sum[i / 2][half * 2 + i % 2];
          to = fold_value(factors, to, segment_sum[i / 2][half * 2 + i % 2]);
        }
      }
      segment[half] = Folded{};
#pragma unroll
      for (int i = 0; i < 2 * kColumnTiles; ++i) segment_sum[i / 2][half * 2 + i % 2] = 0.0F;
    }
  }

  __device__ __forceinline__ void store_partial(int number, int half) const {
    if (!has_row(half)) return;
    const std::size_t partial = item.partial +
                                std::size_t{number - item.first_segment} * item.rows + first_row() +
                                half * 8 + lane_group();
    if (lane_place() == 0) {
      args.partials.softmax[partial] = SegmentSoftmax{segment[half].highest, segment[half].total};
    }
    float* values = args.partials.values + partial * args.head_size;
#pragma unroll
    for (int i = 0; i < kColumnTiles; ++i) {
      const int column = i * 8 + lane_place() * 2;  // even, as the head size
      if (column >= static_cast<int>(args.head_size)) continue;
      *reinterpret_cast<float2*>(values + column) =
          make_float2(segment_sum[i][half * 2], segment_sum[i][half * 2 + 1]);
    }
  }

  __device__ __forceinline__ void store_whole() const {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      if (!has_row(half)) continue;
      const QueryPlace place =
          place_of(args, item, static_cast<std::uint32_t>(first_row() + half * 8 + lane_group()));
      std::byte* out = args.out.data + place.token * args.out.stride_bytes +
                       place.head * args.head_size * sizeof(std::uint16_t);
      const float inverse = 1.0F / whole[half].total;
#pragma unroll
      for (int i = 0; i < 2 * kColumnTiles; ++i) {
        const int column = i / 2 * 8 + lane_place() * 2 + i % 2;
        if (column >= static_cast<int>(args.head_size)) continue;
        OperandBf16::store(out, column, attention_of(whole_sum[i / 2][half * 2 + i % 2], inverse));
      }
    }
  }

  // Page by page: the next keys are on their way while values are worked on, and the reverse.
  __device__ __forceinline__ void walk() {
    const int last = position_of(args, item, item.rows - 1);
    int page = static_cast<int>(item.first_segment) * kSegmentPages;
    const int end =
        min(last / kPageKeys + 1, page + static_cast<int>(item.segments) * kSegmentPages);
    const std::byte* from = keys_of(args, item, page);
    bring(from, last + 1 - page * kPageKeys, shared.keys);
    close_copies();
    for (; page < end; ++page) {
      const int first = page * kPageKeys;
      wait_copies<0>();
      __syncthreads();  // the keys are there; the values of the page before are done with
      bring(from + args.cache.half_bytes, last + 1 - first, shared.values);
      close_copies();
      const bool sees = __any_sync(kAllLanes, first <= position[1]) != 0;
      PageScores scores = {};
      if (sees) score(scores);
      wait_copies<0>();
      __syncthreads();  // the values are there; the keys are done with
      if (page + 1 < end) {
        from = keys_of(args, item, page + 1);
        bring(from, last + 1 - first - kPageKeys, shared.keys);
        close_copies();
      }
      if (sees) {
        if (position[0] < first + kPageKeys - 1) {
          hide_keys(scores, {position[0] + 1 - first, position[1] + 1 - first});
        }
        add_page(scores, {first <= position[0], first <= position[1]});
      }
      if (page + 1 == end || (page + 1) % kSegmentPages == 0) end_segment(page / kSegmentPages);
    }
  }
};

template <int kHead, bool kCut>
__global__ void __launch_bounds__(kThreads, 2) attend_many_kernel(AttendArgs args) {
  __shared__ ManyShared<kHead> shared;
  const AttendItem& item = args.items[blockIdx.x];  // read where it is needed: registers are short
  ManyRows<kHead, kCut> rows{args, item, shared, {}, {}, {}, {}, {}};
  rows.load_own_queries();
  rows.walk();
  if (!kCut) rows.store_whole();
}

}  // namespace

cudaError_t launch_tensor_attend_many(cudaStream_t stream, const AttendArgs& args) {
  const dim3 grid(static_cast<unsigned int>(args.item_count));
  return launch(
      args.head_size <= 64 ? &attend_many_kernel<64, false> : &attend_many_kernel<128, false>, grid,
      kThreads, stream, args);
}

cudaError_t launch_tensor_attend_many_segments(cudaStream_t stream, const AttendArgs& args) {
  const dim3 grid(static_cast<unsigned int>(args.item_count));
  return launch(
      args.head_size <= 64 ? &attend_many_kernel<64, true> : &attend_many_kernel<128, true>, grid,
      kThreads, stream, args);
}

}  // namespace switchyard::kernels::cuda
