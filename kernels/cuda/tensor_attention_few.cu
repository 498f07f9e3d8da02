// Causal attention over paged keys on tensor cores for few query rows (decoded tokens), in bf16.
// Items of up to 16 rows; an item's keys and values pass once through the registers of one block.
// Ladder:
//   1 attention.cu: a block for 8 rows and a segment; 90 us for one row over 4096 keys on an H200.
//   2 (this) a block for 16 rows and a segment at a time, a warp for each of its four pages: keys
//     and values come by 16-byte loads in the places where the tensor cores want them, 16 a lane
//     and more on their way, no shared memory before the four pages are folded.
//   3 (not yet) bulk copies (TMA) of whole pages.
// Bytes of one item with n keys: 4 n h from memory, and for each segment left to fold_kernel 4 h +
// 8 a row: at 8 rows 1/32 of the segment's keys and values. The flops of the 16 rows (some of them
// copies that nobody needs) are 64 n h: 16 for every byte, far from the limit.
// Order: attention_page.cuh. Law 1 holds: nothing in a row's sums depends on the other rows.
// A lane's values: of keys 2t, 2t + 1, 2t + 8, 2t + 9 of a step the elements 8g .. 8g + 7, so
// column g of tile j is element 8g + j: the columns of a tile are independent of each other.
#include "kernels/cuda/attention_page.cuh"
#include "kernels/cuda/launch.cuh"

namespace switchyard::kernels::cuda {
namespace {

constexpr int kWarps = kSegmentPages;
constexpr unsigned int kThreads = kWarps * kWarp;
constexpr int kRows = static_cast<int>(kTensorAttendFew);
static_assert(kRows == kWarpQueries);
constexpr int kLoadTiles = 4;  // of keys on their way together
constexpr int kLoadSteps = 2;  // of values

// What the four warps leave of their pages, and how it is folded.
template <int kHead>
struct FewShared {
  float values[kWarps][kRows][kHead + 8];  // 8 more: a row's columns in other banks than the next's
  SegmentSoftmax page[kWarps][kRows];
  FoldFactors page_factors[kWarps][kRows];
  FoldFactors segment_factors[kRows];
  float total[kRows];
};

template <int kHead>
struct FewRows {
  static constexpr int kHalves = kHead / 64;  // 64 columns, 8 lanes of 8 each
  // Threads share the columns of the folded rows.
  static constexpr int kRowsApart = static_cast<int>(kThreads) / kHead;
  static constexpr int kRowsEach = kRows / kRowsApart;

  const AttendArgs& args;
  const AttendItem& item;
  FewShared<kHead>& shared;
  WarpQueries<kHead> queries;
  Folded whole;  // of row threadIdx.x, where there is one
  float whole_sum[kRowsEach];

  __device__ __forceinline__ bool is_cut() const { return item.partial != kWholeContext; }
  // 16 bytes of a cached row, zeros if they are not there.
  __device__ __forceinline__ uint4 chunk_of(const std::byte* rows, int row, int count,
                                            int chunk) const {
    if (row >= count || chunk >= static_cast<int>(args.cache.row_bytes / kChunkBytes)) {
      return make_uint4(0, 0, 0, 0);
    }
    return *reinterpret_cast<const uint4*>(rows + row * args.cache.row_bytes + chunk * kChunkBytes);
  }

  __device__ __forceinline__ void score(const std::byte* keys, int count,
                                        PageScores& scores) const {
#pragma unroll
    for (int first = 0; first < kKeyTiles; first += kLoadTiles) {
      uint4 key[kLoadTiles][kHead / 32];
#pragma unroll
      for (int i = 0; i < kLoadTiles; ++i) {
#pragma unroll
        for (int block = 0; block < kHead / 32; ++block) {
          key[i][block] =
              chunk_of(keys, (first + i) * 8 + lane_group(), count, block * 4 + lane_place());
        }
      }
#pragma unroll
      for (int block = 0; block < kHead / 32; ++block) {
#pragma unroll
        for (int i = 0; i < kLoadTiles; ++i) {
          add_scores(queries.word[block][0], queries.word[block][1], key[i][block],
                     scores[first + i]);
        }
      }
    }
  }

  // Tiles 0 .. 7 of the columns of `half`; `value`: of the lane's four keys.
  static __device__ __forceinline__ void add_tiles(const ProbTile& prob, const uint4 (&value)[4],
                                                   float (&sum)[8][4]) {
    const std::uint32_t word[4][4] = {{value[0].x, value[0].y, value[0].z, value[0].w},
                                      {value[1].x, value[1].y, value[1].z, value[1].w},
                                      {value[2].x, value[2].y, value[2].z, value[2].w},
                                      {value[3].x, value[3].y, value[3].z, value[3].w}};
#pragma unroll
    for (int j = 0; j < 8; j += 2) {
      const std::uint32_t even[2] = {(word[0][j / 2] & 0xFFFFU) | (word[1][j / 2] << 16),
                                     (word[2][j / 2] & 0xFFFFU) | (word[3][j / 2] << 16)};
      const std::uint32_t odd[2] = {(word[0][j / 2] >> 16) | (word[1][j / 2] & 0xFFFF0000U),
                                    (word[2][j / 2] >> 16) | (word[3][j / 2] & 0xFFFF0000U)};
      multiply_tile(sum[j], prob.word, even);
      multiply_tile(sum[j + 1], prob.word, odd);
    }
  }

  __device__ __forceinline__ void add_values(const std::byte* values, int count,
                                             const PageSoftmax& page,
                                             float (&sum)[kHalves][8][4]) const {
#pragma unroll
    for (int first = 0; first < kValueSteps; first += kLoadSteps) {
      uint4 value[kLoadSteps][kHalves][4];
#pragma unroll
      for (int step = 0; step < kLoadSteps; ++step) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int key = (first + step) * 16 + lane_place() * 2 + i % 2 + i / 2 * 8;
#pragma unroll
          for (int half = 0; half < kHalves; ++half) {
            value[step][half][i] = chunk_of(values, key, count, half * 8 + lane_group());
          }
        }
      }
#pragma unroll
      for (int step = 0; step < kLoadSteps; ++step) {
#pragma unroll
        for (int half = 0; half < kHalves; ++half) {
          add_tiles(prob_tile(page, first + step), value[step][half], sum[half]);
        }
      }
    }
  }

  // The warp's page of the segment: its sums to shared memory. last: position that the item ends
  // at.
  __device__ __forceinline__ void work_on_page(int segment, int last) {
    const int warp = static_cast<int>(threadIdx.x / kWarp);
    const int first = (segment * kSegmentPages + warp) * kPageKeys;
    if (first > last) return;
    const std::byte* keys = keys_of(args, item, first / kPageKeys);
    const int count = last + 1 - first;
    PageScores scores = {};
    score(keys, count, scores);
    if (count < kPageKeys || queries.position[0] != last || queries.position[1] != last) {
      hide_keys(scores, {queries.position[0] + 1 - first, queries.position[1] + 1 - first});
    }
    PageSoftmax page;
    softmax_of_page(scores, args.scale, page);
    float sum[kHalves][8][4] = {};
    add_values(keys + args.cache.half_bytes, count, page, sum);
#pragma unroll
    for (int upper = 0; upper < 2; ++upper) {
      const int row = upper * 8 + lane_group();
      if (row >= static_cast<int>(item.rows)) continue;
      if (lane_place() == 0) {
        shared.page[warp][row] = SegmentSoftmax{page.highest[upper], page.total[upper]};
      }
#pragma unroll
      for (int i = 0; i < 2 * kHalves; ++i) {
        // Eight tiles' column 2t or 2t + 1: eight elements in a row.
        const float(&from)[8][4] = sum[i / 2];
        const int of = upper * 2 + i % 2;
        auto* to = reinterpret_cast<float4*>(
            &shared.values[warp][row][i / 2 * 64 + (lane_place() * 2 + i % 2) * 8]);
        to[0] = make_float4(from[0][of], from[1][of], from[2][of], from[3][of]);
        to[1] = make_float4(from[4][of], from[5][of], from[6][of], from[7][of]);
      }
    }
  }

  // One thread a row: what the row's pages, and the segment, are multiplied by.
  __device__ __forceinline__ void fold_pages(int segment) {
    const auto r = static_cast<std::uint32_t>(threadIdx.x);
    if (r >= item.rows) return;
    const int position = position_of(args, item, r);
    const int first = segment * static_cast<int>(kSegmentTokens);
    Folded folded;
#pragma unroll
    for (int page = 0; page < kSegmentPages; ++page) {
      if (position < first + page * kPageKeys) continue;
      const SegmentSoftmax softmax = shared.page[page][r];
      shared.page_factors[page][r] = fold<BaseTwo>(folded, softmax.highest, softmax.total);
    }
    if (position < first) return;
    if (is_cut()) {
      args.partials.softmax[partial_of(segment, r)] = SegmentSoftmax{folded.highest, folded.total};
    } else {
      shared.segment_factors[r] = fold<BaseTwo>(whole, folded.highest, folded.total);
      shared.total[r] = whole.total;
    }
  }

  __device__ __forceinline__ std::size_t partial_of(int segment, std::uint32_t r) const {
    return item.partial + std::size_t{segment - item.first_segment} * item.rows + r;
  }
  __device__ __forceinline__ int column() const { return static_cast<int>(threadIdx.x) % kHead; }
  __device__ __forceinline__ int row_of(int i) const {
    return i * kRowsApart + static_cast<int>(threadIdx.x) / kHead;
  }

  // One thread a column: the segment's values.
  __device__ __forceinline__ void fold_values(int segment) {
    const int first = segment * static_cast<int>(kSegmentTokens);
#pragma unroll
    for (int i = 0; i < kRowsEach; ++i) {
      const int r = row_of(i);
      if (r >= static_cast<int>(item.rows)) break;
      const int position = position_of(args, item, static_cast<std::uint32_t>(r));
      if (position < first) continue;
      float sum = 0.0F;
#pragma unroll
      for (int page = 0; page < kSegmentPages; ++page) {
        if (position < first + page * kPageKeys) continue;
        sum = fold_value(shared.page_factors[page][r], sum, shared.values[page][r][column()]);
      }
      if (!is_cut()) {
        whole_sum[i] = fold_value(shared.segment_factors[r], whole_sum[i], sum);
      } else if (column() < static_cast<int>(args.head_size)) {
        args.partials.values[partial_of(segment, static_cast<std::uint32_t>(r)) * args.head_size +
                             column()] = sum;
      }
    }
  }

  __device__ __forceinline__ void store_whole() const {
    if (column() >= static_cast<int>(args.head_size)) return;
#pragma unroll
    for (int i = 0; i < kRowsEach; ++i) {
      const int r = row_of(i);
      if (r >= static_cast<int>(item.rows)) break;
      const QueryPlace place = place_of(args, item, static_cast<std::uint32_t>(r));
      std::byte* out = args.out.data + place.token * args.out.stride_bytes;
      OperandBf16::store(out, place.head * args.head_size + column(),
                         attention_of(whole_sum[i], 1.0F / shared.total[r]));
    }
  }
};

template <int kHead>
__global__ void __launch_bounds__(kThreads, 2) attend_few_kernel(AttendArgs args) {
  __shared__ __align__(16) FewShared<kHead> shared;
  const AttendItem item = args.items[blockIdx.x];
  FewRows<kHead> rows{args, item, shared, {}, {}, {}};
  load_queries(args, item, 0, rows.queries);
  const int last = position_of(args, item, item.rows - 1);
  const int end = min(last / static_cast<int>(kSegmentTokens) + 1,
                      static_cast<int>(item.first_segment + item.segments));
  for (int segment = static_cast<int>(item.first_segment); segment < end; ++segment) {
    __syncthreads();  // the values of the segment before have been folded
    rows.work_on_page(segment, last);
    __syncthreads();
    rows.fold_pages(segment);
    __syncthreads();
    rows.fold_values(segment);
  }
  if (!rows.is_cut()) rows.store_whole();
}

}  // namespace

cudaError_t launch_tensor_attend_few(cudaStream_t stream, const AttendArgs& args) {
  const dim3 grid(static_cast<unsigned int>(args.item_count));
  return launch(args.head_size <= 64 ? &attend_few_kernel<64> : &attend_few_kernel<128>, grid,
                kThreads, stream, args);
}

}  // namespace switchyard::kernels::cuda
