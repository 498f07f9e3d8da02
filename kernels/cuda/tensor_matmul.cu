// y = x * W^T for bf16 operands in tiles of up to 16 rows, on tensor cores; where there are enough
// rows for larger tiles, tensor_matmul_wide.cu has them.
// Ladder:
//   1 to 3 as in matmul.cu (which stays for fp32): bound by the fp32 pipes from about 8 rows on.
//   4 mma.sync m16n8k16 with fragments by 4-byte loads: half of each memory sector is used.
//   5 16-byte loads into registers, four warps of a block on every fourth block of 32 k. One row
//     and 2048 columns of 4096 took 23.7 us on an H200 (700 GB/s), because every load was waited
//     for; with four loads under way 12.3.
//   6 (this) blocks of 64 k, whole lines of the caches, come to shared memory by cp.async, three
//     under way for each warp, which takes no registers, and from there by ldmatrix. 9.4.
// Bytes of a block of n columns: 2 K n of W (from memory), its rows of x (from the caches), its
// outputs. Operations: 2 K n a row of x. Bound by the bytes of W; the unused rows of a tile are
// zeros and take nothing that is short.
// Law 1: tensor_matmul.cuh.
#include "kernels/cuda/kernels.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/tensor_matmul.cuh"

// Aligned, so that the places of pieces can be told apart by their bits.
extern __shared__ __align__(128) unsigned char dynamic_shared_memory[];

namespace switchyard::kernels::cuda {
namespace {

constexpr unsigned int kThreads = kSlices * kWarp;
constexpr int kRows = kStepRows;
static_assert(kTensorRowsFew == kRows);
constexpr int kColumnSteps = 2;
constexpr int kColumns = kColumnSteps * kStepColumns;
constexpr int kStages = 4;  // of a warp
constexpr SharedPlace kStageBytes = (kRows + kColumns) * kRowBytes;
constexpr int kRowsApart = kWarp / kChunks;  // between two pieces of a lane
constexpr int kPieces = kRows / kRowsApart;  // of a lane, of x as of W
static_assert(kColumns == kRows);

// What a lane brings of a block of k.
struct Pieces {
  const std::byte* x[kPieces];
  const std::byte* w[kPieces];
  bool there[kPieces];  // rows of x; others are zeros in shared memory from the start
  std::size_t in;
  std::size_t w_in;  // with the zeros behind a row of W
  bool aligned;      // else x comes element by element
};

__device__ __forceinline__ Pieces pieces_of(const MatmulArgs& args, const MatmulTile& tile,
                                            std::size_t column) {
  const std::uint32_t row = threadIdx.x % kWarp / kChunks;
  Pieces pieces;
  pieces.in = args.in;
  pieces.w_in = args.weight_stride_bytes / sizeof(std::uint16_t);
  pieces.aligned = is_aligned(args.x) && args.in % 8 == 0;
#pragma unroll
  for (int j = 0; j < kPieces; ++j) {
    const std::uint32_t at = row + j * kRowsApart;
    pieces.there[j] = at < tile.rows;
    pieces.x[j] = args.x.data +
                  (std::size_t{tile.row_begin} + (pieces.there[j] ? at : 0)) * args.x.stride_bytes;
    const std::size_t from = column + at < args.out ? column + at : args.out - 1;
    pieces.w[j] = tile.weight + from * args.weight_stride_bytes;
  }
  return pieces;
}

// The j-th piece of a lane, of x as of W; `first`: its first one.
__device__ __forceinline__ SharedPlace piece_of_lane(SharedPlace first, int j) {
  static_assert(kRowsApart == 4 && kChunks == 8);  // every other piece is four places off
  return (first ^ (j % 2 == 0 ? 0 : 4 * kChunkBytes)) + j * kRowsApart * kRowBytes;
}

// Queues the copies of the block from k on; `to`: the stage, plus the lane's first piece.
__device__ __forceinline__ void bring(const Pieces& pieces, std::size_t k, SharedPlace to) {
  k += threadIdx.x % kChunks * 8;
  const bool x_inside = k < pieces.in;
  const bool w_inside = k < pieces.w_in;
#pragma unroll
  for (int j = 0; j < kPieces; ++j) {
    copy_async(piece_of_lane(to + kRows * kRowBytes, j),
               pieces.w[j] + (w_inside ? k : 0) * sizeof(std::uint16_t), w_inside);
    if (!pieces.there[j]) continue;
    const SharedPlace x_to = piece_of_lane(to, j);
    if (pieces.aligned) {
      copy_async(x_to, pieces.x[j] + (x_inside ? k : 0) * sizeof(std::uint16_t), x_inside);
    } else {
      store_piece(x_to, load_words(pieces.x[j], k, pieces.in, false));
    }
  }
}

// This warp's blocks of k.
__device__ __forceinline__ void accumulate(const MatmulArgs& args, const MatmulTile& tile,
                                           std::size_t column, SharedPlace stages,
                                           float (&sum)[kColumnSteps][4]) {
  constexpr std::size_t kStepK = kSlices * kBlockK;
  const int lane = static_cast<int>(threadIdx.x % kWarp);
  const Pieces pieces = pieces_of(args, tile, column);
  const SharedPlace mine = stages + piece_at(lane / kChunks, lane % kChunks);
  for (int j = 0; j < kPieces; ++j) {
    for (int i = 0; i < kStages && !pieces.there[j]; ++i) {
      store_piece(piece_of_lane(mine + i * kStageBytes, j), make_uint4(0, 0, 0, 0));
    }
  }
  const std::size_t first = threadIdx.x / kWarp * kBlockK;
  std::size_t next = first;
  SharedPlace to = 0;
  const auto bring_next = [&] {
    if (next < args.in) bring(pieces, next, mine + to);
    next += kStepK;
    to = to + kStageBytes == kStages * kStageBytes ? 0 : to + kStageBytes;
    close_copies();  // a group a round, empty or not, so that the waits below count right
  };
#pragma unroll
  for (int i = 0; i < kStages - 1; ++i) bring_next();
  const SharedPlace rows = stages + lane_row_at();
  const SharedPlace columns = stages + kRows * kRowBytes + lane_column_at();
  SharedPlace from = 0;
#pragma unroll 1
  for (std::size_t k = first; k < args.in; k += kStepK) {
    wait_copies<kStages - 2>();
    __syncwarp();  // the other lanes' copies are in, and they no longer read the stage to fill
    bring_next();
#pragma unroll
    for (int pair = 0; pair < kSteps / 2; ++pair) {
      std::uint32_t a[2][4];
      std::uint32_t b[kColumnSteps][4];
      load_rows(a[0], rows + from, 2 * pair);
      load_rows(a[1], rows + from, 2 * pair + 1);
#pragma unroll
      for (int c = 0; c < kColumnSteps; ++c) {
        load_columns(b[c], columns + from + c * kStepColumns * kRowBytes, pair);
      }
#pragma unroll
      for (int step = 0; step < 2; ++step) {
#pragma unroll
        for (int c = 0; c < kColumnSteps; ++c) multiply_step(sum[c], a[step], b[c], step);
      }
    }
    from = from + kStageBytes == kStages * kStageBytes ? 0 : from + kStageBytes;
  }
  wait_copies<0>();
}

__device__ void multiply(const MatmulArgs& args, const MatmulTile& tile, std::size_t column) {
  // One more float a row, so that the rows of a column fall into different banks.
  __shared__ float partial[kSlices][kRows][kColumns + 1];
  const int lane = static_cast<int>(threadIdx.x % kWarp);
  const int slice = static_cast<int>(threadIdx.x / kWarp);
  float sum[kColumnSteps][4] = {};
  accumulate(args, tile, column,
             shared_place(dynamic_shared_memory) + slice * kStages * kStageBytes, sum);
#pragma unroll
  for (int c = 0; c < kColumnSteps; ++c) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      partial[slice][lane / 4 + i / 2 * 8][c * kStepColumns + lane % 4 * 2 + i % 2] = sum[c][i];
    }
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < kRows * kColumns;
       i += static_cast<int>(kThreads)) {
    const int row = i / kColumns;
    const int to = i % kColumns;
    float value = 0.0F;
    float next = 0.0F;  // of the next column: the up to this gate
#pragma unroll
    for (int s = 0; s < kSlices; ++s) {
      value += partial[s][row][to];
      next += partial[s][row][to ^ 1];
    }
    store_output(args, tile, column + to, row, value, next);
  }
}

__global__ void __launch_bounds__(kThreads) tensor_matmul_kernel(MatmulArgs args) {
  const MatmulTile tile = tile_of(args, blockIdx.x, kRows);
  multiply(args, tile, std::size_t{blockIdx.y} * kColumns);
}

// A few large tiles would leave most processors without work, and one alone cannot draw the bytes
// of W as fast as many that each draw them for 16 rows.
bool is_wide(const MatmulArgs& args) {
  constexpr std::size_t kWideTilesMin = 64;
  if (args.tiles != nullptr) return args.tile_rows_max > kTensorRowsFew;
  const std::size_t down = (args.rows + kTensorRowsSome - 1) / kTensorRowsSome;
  const std::size_t across = (args.out + kTensorColumnsWide - 1) / kTensorColumnsWide;
  return args.rows > kTensorRowsFew && down * across >= kWideTilesMin;
}

}  // namespace

cudaError_t launch_tensor_matmul(cudaStream_t stream, const MatmulArgs& args) {
  if (is_wide(args)) return launch_tensor_matmul_wide(stream, args);
  const std::size_t tiles =
      args.tiles != nullptr ? args.tile_count : (args.rows + kRows - 1) / kRows;
  const dim3 grid(static_cast<unsigned int>(tiles),
                  static_cast<unsigned int>((args.out + kColumns - 1) / kColumns));
  return launch_with_shared(&tensor_matmul_kernel, grid, kThreads, kSlices * kStages * kStageBytes,
                            stream, args);
}

}  // namespace switchyard::kernels::cuda
