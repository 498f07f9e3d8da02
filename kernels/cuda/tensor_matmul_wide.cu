// y = x * W^T for bf16 operands in tiles of 64 or 128 rows, on tensor cores; few rows or few tiles
// are left to tensor_matmul.cu.
//
// Ladder, with what 4096 rows of 5120 x 2048 gave on an H200, where mma.sync has 615 TFLOP/s:
//   1 the kernel for few rows with tiles of 32 rows: a warp brings 4 KiB from the caches for
//     32,768 multiply-adds. 141.
//   2 tiles of 64 or 128 rows and 128 columns, blocks of 32 k by cp.async in three stages, and
//     fragments by 16-byte loads of a lane: most instructions were moves into the registers of a
//     step. 161.
//   3 fragments by ldmatrix. 206. Two blocks between barriers: 232. With fragments loaded one
//     block ahead as well 221, so it is not the shared memory that is waited for.
//   4 (this) blocks of 64 k: whole lines of the caches, of which a processor can wait for so many
//     and no more. 261.
//   5 (not yet) TMA and wgmma (cuBLAS: 690).
// Bytes of a tile: 2 K (rows + 128), from the caches but for the first tile of a weight or row; 2 K
// rows 128 flops.
// Law 1: tensor_matmul.cuh. The slices of k are walked one after the other; what a warp that has
// one slice leaves in shared memory there is added to a total in registers here.
#include "kernels/cuda/kernels.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/tensor_matmul.cuh"

extern __shared__ __align__(128) unsigned char dynamic_shared_memory[];

namespace switchyard::kernels::cuda {
namespace {

constexpr int kWarpsDown = 2;
constexpr int kWarpsAcross = 4;
constexpr unsigned int kThreads = kWarpsDown * kWarpsAcross * kWarp;
constexpr int kColumnSteps = 4;  // of a warp
constexpr int kWarpColumns = kColumnSteps * kStepColumns;
constexpr int kColumns = kWarpsAcross * kWarpColumns;
static_assert(kColumns == kTensorColumnsWide);

constexpr int kSliceBytes = static_cast<int>(kRowBytes);  // of a row: from slice to slice,
constexpr int kStepBytes = kSlices * kSliceBytes;         // and to the next block of one
// Fewer would leave processors of a large GPU without work: smaller ones then.
constexpr std::size_t kLargeTilesMin = 256;

// Rows of whole blocks of k at aligned addresses, as those of nearly every model are, or others.
enum class Shape : std::uint8_t { kWhole, kRagged };

template <int kRowSteps, Shape kShape>
struct WideTile {
  static constexpr int kWarpRows = kRowSteps * kStepRows;
  static constexpr int kRows = kWarpsDown * kWarpRows;
  // Shared memory: stages of a block, rows of x and then rows of W.
  static constexpr int kStages = 3;
  static constexpr SharedPlace kStageBytes = (kRows + kColumns) * kRowBytes;
  static constexpr SharedPlace kSharedBytes = kStages * kStageBytes;
  using Sums = float[kRowSteps][kColumnSteps][4];
  // Rows between two pieces of a thread, which have the same place in theirs.
  static constexpr int kRowsApart = static_cast<int>(kThreads) / kChunks;
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
    std::size_t in;
    int w_bytes;   // of a row of W, with the zeros behind it
    bool aligned;  // kRagged: else x comes element by element

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
    const std::size_t columns = args.out - column;
    pieces.w_rows = static_cast<int>(columns < kColumns ? columns : kColumns) - row;
    pieces.in = args.in;
    pieces.w_bytes = static_cast<int>(args.weight_stride_bytes);
    pieces.aligned = is_aligned(args.x) && args.in % 8 == 0;
    return pieces;
  }

  // Queues the copies of the block that begins at byte `at` of the rows; `to`: its place, plus the
  // thread's first piece.
  static __device__ __forceinline__ void bring(const Pieces& pieces, int at, SharedPlace to) {
    if constexpr (kShape == Shape::kWhole) {
#pragma unroll
      for (int j = 0; j < kX; ++j) {
        copy_async(to + j * kApart, pieces.x_row(j) + at, pieces.x_there(j));
      }
#pragma unroll
      for (int j = 0; j < kW; ++j) {
        copy_async(to + (kX + j) * kApart, pieces.w_row(j) + at, pieces.w_there(j));
      }
    } else {
      bring_ragged(pieces, at, to);
    }
  }
  static __device__ __forceinline__ void bring_ragged(const Pieces& pieces, int at,
                                                      SharedPlace to) {
    const std::size_t first = threadIdx.x % kChunks * 8;
    const std::size_t k = static_cast<std::size_t>(at) / sizeof(std::uint16_t) + first;
    const bool inside = k < pieces.in;
    for (int j = 0; j < kX; ++j) {
      if (pieces.aligned) {
        copy_async(to + j * kApart, pieces.x_row(j) + (inside ? at : 0),
                   pieces.x_there(j) && inside);
      } else {
        const std::byte* row = pieces.x_row(j) - first * sizeof(std::uint16_t);
        store_piece(to + j * kApart, pieces.x_there(j) ? load_words(row, k, pieces.in, false)
                                                       : make_uint4(0, 0, 0, 0));
      }
    }
    const bool w_inside = static_cast<int>(k * sizeof(std::uint16_t)) < pieces.w_bytes;
    for (int j = 0; j < kW; ++j) {
      copy_async(to + (kX + j) * kApart, pieces.w_row(j) + (w_inside ? at : 0),
                 pieces.w_there(j) && w_inside);
    }
  }

  // One block. x and w: the lane's places for the warp's rows and columns. Steps of different sums
  // follow each other, so that none waits for the one before.
  static __device__ __forceinline__ void multiply(SharedPlace x, SharedPlace w, Sums& sum) {
#pragma unroll
    for (int pair = 0; pair < kSteps / 2; ++pair) {
      std::uint32_t b[kColumnSteps][4];
#pragma unroll
      for (int c = 0; c < kColumnSteps; ++c) {
        load_columns(b[c], w + c * kStepColumns * kRowBytes, pair);
      }
#pragma unroll
      for (int step = 2 * pair; step < 2 * pair + 2; ++step) {
        std::uint32_t a[kRowSteps][4];
#pragma unroll
        for (int r = 0; r < kRowSteps; ++r) load_rows(a[r], x + r * kStepRows * kRowBytes, step);
#pragma unroll
        for (int r = 0; r < kRowSteps; ++r) {
#pragma unroll
          for (int c = 0; c < kColumnSteps; ++c) multiply_step(sum[r][c], a[r], b[c], step);
        }
      }
    }
  }

  static __device__ __forceinline__ void store(const MatmulArgs& args, const MatmulTile& tile,
                                               std::size_t column, const Sums& total) {
    const int lane = static_cast<int>(threadIdx.x % kWarp);
    const int warp = static_cast<int>(threadIdx.x / kWarp);
    const int row = warp / kWarpsAcross * kWarpRows + lane / 4;
    const std::size_t first =
        column + static_cast<std::size_t>(warp % kWarpsAcross * kWarpColumns + lane % 4 * 2);
#pragma unroll
    for (int r = 0; r < kRowSteps; ++r) {
#pragma unroll
      for (int c = 0; c < kColumnSteps; ++c) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const float value = total[r][c][2 * half];
          const float next = total[r][c][2 * half + 1];
          const std::size_t at = first + c * kStepColumns;
          const int to = row + r * kStepRows + half * 8;
          store_output(args, tile, at, to, value, next);
          store_output(args, tile, at + 1, to, next, value);
        }
      }
    }
  }

  static __device__ void run(const MatmulArgs& args, const MatmulTile& tile, std::size_t column,
                             SharedPlace stages) {
    const Pieces pieces = pieces_of(args, tile, column);
    const int warp = static_cast<int>(threadIdx.x / kWarp);
    const int warp_row = warp / kWarpsAcross * kWarpRows;
    const int warp_column = warp % kWarpsAcross * kWarpColumns;
    const bool has_rows = warp_row < static_cast<int>(tile.rows);
    const int row_bytes = static_cast<int>(args.in * sizeof(std::uint16_t));
    const SharedPlace x = stages + warp_row * kRowBytes + lane_row_at();
    const SharedPlace w = stages + (kRows + warp_column) * kRowBytes + lane_column_at();
    const SharedPlace mine = stages + piece_at(static_cast<int>(threadIdx.x) / kChunks,
                                               static_cast<int>(threadIdx.x) % kChunks);
    Sums total = {};
    Sums sum = {};
    int next = 0;        // byte where the block to bring begins,
    int slice = 0;       // of this slice
    SharedPlace to = 0;  // and the stage for it
    const auto bring_next = [&] {
      if (next < row_bytes) {
        bring(pieces, next, mine + to);
        to = to + kStageBytes == kSharedBytes ? 0 : to + kStageBytes;
        next += kStepBytes;
        if (next >= row_bytes && slice + 1 < kSlices) next = ++slice * kSliceBytes;
      }
      close_copies();  // a group a round, empty or not, so that the waits below count right
    };
#pragma unroll
    for (int i = 0; i < kStages - 1; ++i) bring_next();
    SharedPlace from = 0;
#pragma unroll 1
    for (int first = 0; first < kStepBytes; first += kSliceBytes) {
#pragma unroll 1
      for (int at = first; at < row_bytes; at += kStepBytes) {
        wait_copies<kStages - 2>();
        __syncthreads();  // all copies of this stage are in; the one to fill is no longer read
        bring_next();
        if (has_rows) multiply(x + from, w + from, sum);
        from = from + kStageBytes == kSharedBytes ? 0 : from + kStageBytes;
      }
#pragma unroll
      for (int r = 0; r < kRowSteps; ++r) {
#pragma unroll
        for (int c = 0; c < kColumnSteps; ++c) {
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            total[r][c][i] += sum[r][c][i];
            sum[r][c][i] = 0.0F;
          }
        }
      }
    }
    wait_copies<0>();
    store(args, tile, column, total);
  }
};

// Two blocks a processor, or one where the sums of a lane take most of the registers.
template <int kRowSteps, Shape kShape>
__global__ void __launch_bounds__(kThreads, kRowSteps > 2 || kShape == Shape::kRagged ? 1 : 2)
    tensor_matmul_wide_kernel(MatmulArgs args) {
  using ThisTile = WideTile<kRowSteps, kShape>;
  const MatmulTile tile = tile_of(args, blockIdx.x, ThisTile::kRows);
  ThisTile::run(args, tile, std::size_t{blockIdx.y} * kColumns,
                shared_place(dynamic_shared_memory));
}

template <int kRowSteps>
dim3 grid_of(const MatmulArgs& args) {
  constexpr std::size_t kRows = WideTile<kRowSteps, Shape::kWhole>::kRows;
  const std::size_t tiles =
      args.tiles != nullptr ? args.tile_count : (args.rows + kRows - 1) / kRows;
  return {static_cast<unsigned int>(tiles),
          static_cast<unsigned int>((args.out + kColumns - 1) / kColumns)};
}

template <int kRowSteps, Shape kShape>
cudaError_t launch_shape(cudaStream_t stream, const MatmulArgs& args) {
  return launch_with_shared(&tensor_matmul_wide_kernel<kRowSteps, kShape>, grid_of<kRowSteps>(args),
                            kThreads, WideTile<kRowSteps, kShape>::kSharedBytes, stream, args);
}

template <int kRowSteps>
cudaError_t launch_tiles(cudaStream_t stream, const MatmulArgs& args) {
  if (is_aligned(args.x) && args.in % kBlockK == 0) {
    return launch_shape<kRowSteps, Shape::kWhole>(stream, args);
  }
  return launch_shape<kRowSteps, Shape::kRagged>(stream, args);
}

}  // namespace

cudaError_t launch_tensor_matmul_wide(cudaStream_t stream, const MatmulArgs& args) {
  static_assert(WideTile<2, Shape::kWhole>::kRows == kTensorRowsSome &&
                WideTile<4, Shape::kWhole>::kRows == kTensorRowsMany);
  const dim3 large = grid_of<4>(args);
  const bool some = args.tiles != nullptr ? args.tile_rows_max <= kTensorRowsSome
                                          : std::size_t{large.x} * large.y < kLargeTilesMin;
  return some ? launch_tiles<2>(stream, args) : launch_tiles<4>(stream, args);
}

}  // namespace switchyard::kernels::cuda
