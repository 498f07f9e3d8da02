// kernels/cuda/tensor_matmul.cuh -- what the bf16 products of a row share, so that a row's bits do
// not tell which of them it was: the order of sums, one block of k, and what becomes of an
// output. Device code only. Thread safety: pure device functions.
// Law 1: k is cut into blocks of 64; slice s has the blocks s, s + 4, ... and adds them in
// ascending order, each as four steps of a tensor core; then the four slices are added in order.
// Nothing of this depends on the other rows.
#pragma once

#include "kernels/cuda/device_math.cuh"
#include "kernels/cuda/kernels.h"
#include "tensor_tile.cuh"
#include "tile_loads.cuh"

namespace switchyard::kernels::cuda {

inline constexpr int kSlices = 4;
inline constexpr int kStepRows = 16;
inline constexpr int kStepColumns = 8;
inline constexpr std::size_t kBlockK = 64;  // 128 bytes of a row: a whole line of the caches

__host__ __device__ __forceinline__ bool is_aligned(const ConstRowBlock& rows) {
  return (reinterpret_cast<std::uintptr_t>(rows.data) | rows.stride_bytes) % kChunkBytes == 0;
}

// 16 bytes of a row at any alignment, zeros behind its end.
__device__ __forceinline__ uint4 load_words(const std::byte* row, std::size_t first, std::size_t in,
                                            bool aligned) {
  if (aligned && first + 8 <= in) {
    return *reinterpret_cast<const uint4*>(row + first * sizeof(std::uint16_t));
  }
  const auto* elements = reinterpret_cast<const std::uint16_t*>(row);
  std::uint32_t word[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const std::size_t at = first + 2 * i;
    const std::uint32_t low = at < in ? elements[at] : 0;
    const std::uint32_t high = at + 1 < in ? elements[at + 1] : 0;
    word[i] = low | (high << 16);
  }
  return make_uint4(word[0], word[1], word[2], word[3]);
}

// A block of k in shared memory: rows of eight pieces of 16 bytes, whose places change from row to
// row, so that the eight rows of a matrix of load_matrices() lie in different banks.
inline constexpr int kChunks = kBlockK * sizeof(std::uint16_t) / kChunkBytes;
inline constexpr int kSteps = kBlockK / 16;
inline constexpr SharedPlace kRowBytes = kChunks * kChunkBytes;
// Byte of a piece; rows count from a multiple of 8, and lie at multiples of kRowBytes.
__device__ __forceinline__ SharedPlace piece_at(int row, int chunk) {
  return static_cast<SharedPlace>(row * kChunks + (chunk ^ (row % kChunks))) * kChunkBytes;
}
// Of the row and piece that a lane names for operand a of 16 rows, and for operand b of 8 columns.
__device__ __forceinline__ SharedPlace lane_row_at() {
  const int lane = static_cast<int>(threadIdx.x % kWarp);
  return piece_at(lane % kStepRows, lane / kStepRows);
}
__device__ __forceinline__ SharedPlace lane_column_at() {
  const int lane = static_cast<int>(threadIdx.x % kWarp);
  return piece_at(lane % kStepColumns, lane / kStepColumns);
}

// Operand a of 16 rows for one step. rows: where they begin, plus lane_row_at().
__device__ __forceinline__ void load_rows(std::uint32_t (&a)[4], SharedPlace rows, int step) {
  load_matrices(a, rows ^ static_cast<SharedPlace>(2 * step * static_cast<int>(kChunkBytes)));
}
// Operand b of 8 columns for steps 2 pair (words 0 and 1) and 2 pair + 1 (words 2 and 3). columns:
// where they begin, plus lane_column_at().
__device__ __forceinline__ void load_columns(std::uint32_t (&b)[4], SharedPlace columns, int pair) {
  load_matrices(b, columns ^ static_cast<SharedPlace>(4 * pair * static_cast<int>(kChunkBytes)));
}
__device__ __forceinline__ void multiply_step(float (&sum)[4], const std::uint32_t (&a)[4],
                                              const std::uint32_t (&b)[4], int step) {
  const std::uint32_t pair[2] = {b[step % 2 * 2], b[step % 2 * 2 + 1]};
  multiply_tile(sum, a, pair);
}

// Output (row of the tile, column); next: of the column beside it, the up to this gate.
__device__ __forceinline__ void store_output(const MatmulArgs& args, const MatmulTile& tile,
                                             std::size_t column, int row, float value, float next) {
  if (row >= static_cast<int>(tile.rows) || column >= args.out) return;
  std::byte* to = args.y.data + (std::size_t{tile.row_begin} + row) * args.y.stride_bytes;
  if (args.store == MatmulStore::kSwiglu) {
    if (column % 2 == 0) store_element(to, args.y.dtype, column / 2, silu_as_ref(value) * next);
  } else if (args.store == MatmulStore::kAddF32) {
    float* sum = reinterpret_cast<float*>(to) + column;
    *sum = *sum + value;
  } else {
    store_element(to, args.y.dtype, column, value);
  }
}

// Whether two outputs of a row can be stored at once where the first has an even column.
__device__ __forceinline__ bool takes_pairs(const RowBlock& y) {
  const auto pair = 2 * (y.dtype == DType::kF32 ? sizeof(float) : sizeof(std::uint16_t));
  return (reinterpret_cast<std::uintptr_t>(y.data) | y.stride_bytes) % pair == 0;
}

// Outputs (row of the tile, column) and (row, column + 1); column is even. pairs: takes_pairs().
__device__ __forceinline__ void store_pair(const MatmulArgs& args, const MatmulTile& tile,
                                           std::size_t column, int row, float first, float second,
                                           bool pairs) {
  if (!pairs || args.store == MatmulStore::kSwiglu || column + 1 >= args.out) {
    store_output(args, tile, column, row, first, second);
    store_output(args, tile, column + 1, row, second, first);
    return;
  }
  if (row >= static_cast<int>(tile.rows)) return;
  std::byte* to = args.y.data + (std::size_t{tile.row_begin} + row) * args.y.stride_bytes;
  if (args.y.dtype != DType::kF32) {
    reinterpret_cast<std::uint32_t*>(to)[column / 2] =
        bits_of_bf16(first) | (std::uint32_t{bits_of_bf16(second)} << 16);
    return;
  }
  float2* pair = reinterpret_cast<float2*>(to) + column / 2;
  if (args.store == MatmulStore::kAddF32) {
    const float2 sum = *pair;
    *pair = make_float2(sum.x + first, sum.y + second);
  } else {
    *pair = make_float2(first, second);
  }
}

// Tile `index`, of a table or of all rows in tiles of kRows.
__device__ __forceinline__ MatmulTile tile_of(const MatmulArgs& args, unsigned int index,
                                              std::uint32_t rows) {
  if (args.tiles != nullptr) return args.tiles[index];
  MatmulTile tile;
  const std::size_t begin = std::size_t{index} * rows;
  const std::size_t left = args.rows - begin;
  tile.weight = args.weight;
  tile.row_begin = static_cast<std::uint32_t>(begin);
  tile.rows = static_cast<std::uint32_t>(left < rows ? left : rows);
  return tile;
}

}  // namespace switchyard::kernels::cuda
