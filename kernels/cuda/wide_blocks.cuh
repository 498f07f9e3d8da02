// kernels/cuda/wide_blocks.cuh -- how the products of large tiles (tensor_matmul_wide.cu,
// tensor_matmul_group.cu) walk over k and bring its blocks to shared memory. Not the products.
// Device code only. Thread safety: a thread's pieces are its own.
#pragma once

#include "kernels/cuda/tensor_matmul.cuh"

namespace switchyard::kernels::cuda {

inline constexpr int kSliceBytes = static_cast<int>(kRowBytes);  // of a row: from slice to slice,
inline constexpr int kStepBytes = kSlices * kSliceBytes;         // and to the next block of one

// The blocks of a row in the order of law 1: those of slice 0, then those of slice 1, ...
class SliceWalk {
 public:
  __device__ explicit SliceWalk(int row_bytes) : row_bytes_(row_bytes) {}
  __device__ bool has_next() const { return next_ < row_bytes_; }
  // The byte of a row where the next block begins.
  __device__ int take() {
    const int at = next_;
    next_ += kStepBytes;
    if (next_ >= row_bytes_ && slice_ + 1 < kSlices) next_ = ++slice_ * kSliceBytes;
    return at;
  }

 private:
  int row_bytes_;
  int next_ = 0;
  int slice_ = 0;
};

// A tile of rows and the first of its columns.
struct WideWork {
  MatmulTile tile;
  std::size_t column;
};
// How much of it there is, and piece `index` of it. Neighbours run at the same time, so they share
// what they can: the columns of a tile of a table its rows and its matrix, else all row tiles a few
// columns of the one matrix.
__host__ __device__ __forceinline__ unsigned int wide_work_count(const MatmulArgs& args,
                                                                 std::size_t rows,
                                                                 std::size_t columns) {
  const std::size_t tiles = args.tiles != nullptr ? args.tile_count : (args.rows + rows - 1) / rows;
  return static_cast<unsigned int>(tiles * ((args.out + columns - 1) / columns));
}
__device__ __forceinline__ WideWork wide_work_of(const MatmulArgs& args, unsigned int index,
                                                 unsigned int rows, unsigned int columns) {
  const auto across = static_cast<unsigned int>((args.out + columns - 1) / columns);
  if (args.tiles != nullptr) return {args.tiles[index / across], index % across * columns};
  const auto tiles = static_cast<unsigned int>((args.rows + rows - 1) / rows);
  return {tile_of(args, index % tiles, rows), index / tiles * columns};
}

// A stage of shared memory: kRows rows of x, then kColumns rows of W, of one block of k.
template <int kThreads, int kRows, int kColumns>
struct WideBlocks {
  static constexpr SharedPlace kStageBytes = (kRows + kColumns) * kRowBytes;
  // Rows between two pieces of a thread, which have the same place in theirs.
  static constexpr int kRowsApart = kThreads / kChunks;
  static constexpr SharedPlace kApart = kRowsApart * kRowBytes;
  static_assert(kRowsApart % kChunks == 0);
  static constexpr int kX = kRows / kRowsApart;
  static constexpr int kW = kColumns / kRowsApart;

  // What a thread brings of a block: a piece of every kRowsApart-th row of x and of W. Rows behind
  // the tile's end, columns behind the matrix's and k behind the row's are zeros; their addresses
  // are not read.
  struct Pieces {
    const std::byte* x;
    const std::byte* w;
    std::size_t x_apart;  // bytes
    std::size_t w_apart;
    int x_rows;  // from the thread's first row on
    int w_rows;

    __device__ const std::byte* x_row(int j) const { return x + j * x_apart; }
    __device__ const std::byte* w_row(int j) const { return w + j * w_apart; }
    __device__ bool x_there(int j) const { return j * kRowsApart < x_rows; }
    __device__ bool w_there(int j) const { return j * kRowsApart < w_rows; }
  };

  static __device__ __forceinline__ Pieces pieces_of(const MatmulArgs& args, const MatmulTile& tile,
                                                     std::size_t column) {
    const int row = static_cast<int>(threadIdx.x) / kChunks;
    const std::size_t first = threadIdx.x % kChunks * kChunkBytes;
    Pieces pieces;
    pieces.x = args.x.data + first + (std::size_t{tile.row_begin} + row) * args.x.stride_bytes;
    pieces.w = tile.weight + first + (column + row) * args.weight_stride_bytes;
    pieces.x_apart = kRowsApart * args.x.stride_bytes;
    pieces.w_apart = kRowsApart * args.weight_stride_bytes;
    pieces.x_rows = static_cast<int>(tile.rows) - row;
    const std::size_t columns = args.out - column;  // left
    pieces.w_rows = static_cast<int>(columns < kColumns ? columns : kColumns) - row;
    return pieces;
  }
  // Where a thread's first piece of a stage goes.
  static __device__ __forceinline__ SharedPlace my_place() {
    return piece_at(static_cast<int>(threadIdx.x) / kChunks,
                    static_cast<int>(threadIdx.x) % kChunks);
  }

  // Queues the copies of the block that begins at byte `at` of the rows, which are whole blocks at
  // aligned addresses; `to`: its stage, plus my_place().
  static __device__ __forceinline__ void bring(const Pieces& pieces, int at, SharedPlace to) {
#pragma unroll
    for (int j = 0; j < kX; ++j) {
      copy_async(to + j * kApart, pieces.x_row(j) + at, pieces.x_there(j));
    }
#pragma unroll
    for (int j = 0; j < kW; ++j) {
      copy_async(to + (kX + j) * kApart, pieces.w_row(j) + at, pieces.w_there(j));
    }
  }
};

}  // namespace switchyard::kernels::cuda
