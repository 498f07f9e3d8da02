// kernels/cuda/attention_page.cuh -- the arithmetic of 16 query rows and one page of 64 keys on a
// warp's tensor cores, shared by the kernel of few rows and that of many, so that a row's bits do
// not tell which of them it was: how q lies in the lanes, and how scores become probabilities.
// Lane l has g = l / 4 and t = l % 4 and works on rows g and g + 8. Device code only. Thread
// safety: pure device functions; all 32 lanes call them together.
//
// One row and one page, always in this order:
//   1 scores: head elements in blocks of 32, each as two steps of a tensor core; step s takes the
//     elements 8t + 4s .. 8t + 4s + 3 of the four lanes, so that a lane's share of a block is 16
//     bytes in a row. Elements behind the head's end are zeros.
//   2 the highest visible score; 2^(score - highest), both in units of log2(e) * scale; 0 where the
//     row sees no key.
//   3 the sum of the probabilities: a lane's 16 in ascending order of keys, then lanes t, t ^ 1,
//     then pairs.
//   4 values: probabilities rounded to bf16, keys in four steps of 16, from a sum of zero.
// Pages become a segment of 256 positions, and segments a context, by attention_fold.cuh, in
// ascending order. A page or segment that a row sees nothing of leaves its sums alone.
#pragma once

#include "kernels/cuda/attention_fold.cuh"
#include "kernels/cuda/device_math.cuh"
#include "kernels/cuda/kernels.h"
#include "tensor_tile.cuh"

namespace switchyard::kernels::cuda {

inline constexpr int kPageKeys = 64;
inline constexpr int kKeyTiles = kPageKeys / 8;  // of a score's columns
inline constexpr int kValueSteps = kPageKeys / 16;
inline constexpr int kSegmentPages = static_cast<int>(kSegmentTokens) / kPageKeys;
inline constexpr int kWarpQueries = 16;

// Rows g and g + 8 of a warp's 16. Rows behind the item's last are copies of that, never stored.
template <int kHead>
struct WarpQueries {
  uint4 word[kHead / 32][2];  // [block][row]: elements 8t .. 8t + 7 of the block
  int position[2];            // the last that the row sees
};

// What a lane holds of the rows' scores, and what it makes of them.
using PageScores = float[kKeyTiles][4];
struct PageSoftmax {
  std::uint32_t prob[kKeyTiles][2];  // [tile][row]: keys 8 * tile + 2t and the next
  float highest[2];
  float total[2];
};

__device__ __forceinline__ int lane_group() { return static_cast<int>(threadIdx.x % kWarp / 4); }
__device__ __forceinline__ int lane_place() { return static_cast<int>(threadIdx.x % 4); }

// Token and query head of an item's row.
struct QueryPlace {
  std::size_t token;
  std::size_t head;
};
__device__ __forceinline__ QueryPlace place_of(const AttendArgs& args, const AttendItem& item,
                                               std::uint32_t r) {
  const std::uint32_t row = item.first_row + r;
  const auto group = static_cast<std::uint32_t>(args.group);
  return {item.first_token + row / group, item.kv_head * args.group + row % group};
}
__device__ __forceinline__ int position_of(const AttendArgs& args, const AttendItem& item,
                                           std::uint32_t r) {
  return static_cast<int>(args.position[item.first_token + (item.first_row + r) / args.group]);
}

// Keys of (page, kv head of the item); the values follow after half_bytes.
__device__ __forceinline__ const std::byte* keys_of(const AttendArgs& args, const AttendItem& item,
                                                    int page) {
  return args.cache.base + args.pages[item.pages_begin + page] * args.cache.page_bytes +
         item.kv_head * args.cache.head_bytes;
}

// Two prepared numbers, which are bf16 already.
__device__ __forceinline__ std::uint32_t exact_pair(float low, float high) {
  return (__float_as_uint(low) >> 16) | (__float_as_uint(high) & 0xFFFF0000U);
}

// Eight numbers from `first` on; zeros behind the head's end.
__device__ __forceinline__ uint4 load_query_words(const float* q, int first, int head_size,
                                                  bool aligned) {
  float value[8];
  if (aligned && first + 8 <= head_size) {
    OperandF32::load_chunk(reinterpret_cast<const std::byte*>(q + first), value);
    OperandF32::load_chunk(reinterpret_cast<const std::byte*>(q + first + 4), value + 4);
  } else {
#pragma unroll
    for (int i = 0; i < 8; ++i) value[i] = first + i < head_size ? q[first + i] : 0.0F;
  }
  return make_uint4(exact_pair(value[0], value[1]), exact_pair(value[2], value[3]),
                    exact_pair(value[4], value[5]), exact_pair(value[6], value[7]));
}

// The 16 rows of an item from row `first` on.
template <int kHead>
__device__ __forceinline__ void load_queries(const AttendArgs& args, const AttendItem& item,
                                             int first, WarpQueries<kHead>& queries) {
  const int head_size = static_cast<int>(args.head_size);
  const bool aligned = (reinterpret_cast<std::uintptr_t>(args.q) | args.q_stride * sizeof(float) |
                        args.head_size * sizeof(float)) %
                           kChunkBytes ==
                       0;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const auto wanted = static_cast<std::uint32_t>(first + half * 8 + lane_group());
    const std::uint32_t r = wanted < item.rows ? wanted : item.rows - 1;
    const QueryPlace place = place_of(args, item, r);
    const float* q = args.q + place.token * args.q_stride + place.head * args.head_size;
    queries.position[half] = static_cast<int>(args.position[place.token]);
#pragma unroll
    for (int block = 0; block < kHead / 32; ++block) {
      queries.word[block][half] =
          load_query_words(q, block * 32 + lane_place() * 8, head_size, aligned);
    }
  }
}

// Adds a block of 32 head elements of eight keys: `low`, `high`: WarpQueries; `key`: elements 8t ..
// 8t + 7 of key g.
__device__ __forceinline__ void add_scores(const uint4& low, const uint4& high, const uint4& key,
                                           float (&score)[4]) {
  const std::uint32_t q0[4] = {low.x, high.x, low.y, high.y};
  const std::uint32_t q1[4] = {low.z, high.z, low.w, high.w};
  const std::uint32_t k0[2] = {key.x, key.y};
  const std::uint32_t k1[2] = {key.z, key.w};
  multiply_tile(score, q0, k0);
  multiply_tile(score, q1, k1);
}

// The highest of what the four lanes of a row have.
__device__ __forceinline__ float row_max(float value) {
  value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, 1));
  return fmaxf(value, __shfl_xor_sync(kAllLanes, value, 2));
}
__device__ __forceinline__ float row_sum(float value) {
  value += __shfl_xor_sync(kAllLanes, value, 1);
  return value + __shfl_xor_sync(kAllLanes, value, 2);
}

// A row sees the keys before `visible` (any number); the others get a score whose power is 0.
__device__ __forceinline__ void hide_keys(PageScores& score, const int (&visible)[2]) {
#pragma unroll
  for (int i = 0; i < 4 * kKeyTiles; ++i) {
    const int key = i / 4 * 8 + lane_place() * 2 + i % 2;
    if (key >= visible[i % 4 / 2]) score[i / 4][i % 4] = __uint_as_float(0xFF800000U);  // -infinity
  }
}

__device__ __forceinline__ void softmax_of_page(const PageScores& score, float scale,
                                                PageSoftmax& page) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float top = kLowestScore;
#pragma unroll
    for (int i = 0; i < 2 * kKeyTiles; ++i) top = fmaxf(top, score[i / 2][half * 2 + i % 2]);
    const float highest = row_max(top) * scale;
    float total = 0.0F;
#pragma unroll
    for (int tile = 0; tile < kKeyTiles; ++tile) {
      const float low = exp2_of(__fmaf_rn(score[tile][half * 2], scale, -highest));
      const float high = exp2_of(__fmaf_rn(score[tile][half * 2 + 1], scale, -highest));
      total += low;
      total += high;
      page.prob[tile][half] = bf16_pair(low, high);
    }
    page.highest[half] = highest;
    page.total[half] = row_sum(total);
  }
}

// The probabilities of keys 16 * step .. 16 * step + 15 as a tensor core takes them.
struct ProbTile {
  std::uint32_t word[4];
};
__device__ __forceinline__ ProbTile prob_tile(const PageSoftmax& page, int step) {
  return {{page.prob[2 * step][0], page.prob[2 * step][1], page.prob[2 * step + 1][0],
           page.prob[2 * step + 1][1]}};
}

}  // namespace switchyard::kernels::cuda
