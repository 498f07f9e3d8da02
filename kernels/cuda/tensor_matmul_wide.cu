// y = x * W^T for bf16 operands in tiles of 64 or 128 rows, on tensor cores, a warp each; few rows
// or few tiles are left to tensor_matmul.cu, whole rows on an H100 or H200 to
// tensor_matmul_group.cu.
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
// With a team of four warps for a product: tensor_matmul_group.cu.
// Bytes of a tile: 2 K (rows + 128), from the caches but for the first tile of a weight or row; 2 K
// rows 128 flops.
// Law 1: tensor_matmul.cuh. The slices of k are walked one after the other; what a warp that has
// one slice leaves in shared memory there is added to a total in registers here.
#include "kernels/cuda/kernels.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/tensor_matmul.cuh"
#include "kernels/cuda/wide_blocks.cuh"

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

// Fewer would leave processors of a large GPU without work: smaller ones then.
constexpr std::size_t kLargeTilesMin = 256;

// Rows of whole blocks of k at aligned addresses, as those of nearly every model are, or others.
enum class Shape : std::uint8_t { kWhole, kRagged };

template <int kRowSteps, Shape kShape>
struct WideTile {
  static constexpr int kWarpRows = kRowSteps * kStepRows;
  static constexpr int kRows = kWarpsDown * kWarpRows;
  static constexpr int kStages = 3;
  using Blocks = WideBlocks<static_cast<int>(kThreads), kRows, kColumns>;
  using Pieces = typename Blocks::Pieces;
  static constexpr SharedPlace kStageBytes = Blocks::kStageBytes;
  static constexpr SharedPlace kSharedBytes = kStages * kStageBytes;
  using Sums = float[kRowSteps][kColumnSteps][4];

  // Queues the copies of the block that begins at byte `at` of the rows; `to`: its place, plus the
  // thread's first piece.
  static __device__ __forceinline__ void bring(const MatmulArgs& args, const Pieces& pieces, int at,
                                               SharedPlace to) {
    if constexpr (kShape == Shape::kWhole) {
      Blocks::bring(pieces, at, to);
    } else {
      bring_ragged(args, pieces, at, to);
    }
  }
  static __device__ __forceinline__ void bring_ragged(const MatmulArgs& args, const Pieces& pieces,
                                                      int at, SharedPlace to) {
    const std::size_t first = threadIdx.x % kChunks * 8;
    const std::size_t k = static_cast<std::size_t>(at) / sizeof(std::uint16_t) + first;
    const bool aligned = is_aligned(args.x) && args.in % 8 == 0;  // else element by element
    const bool inside = k < args.in;
    for (int j = 0; j < Blocks::kX; ++j) {
      if (aligned) {
        copy_async(to + j * Blocks::kApart, pieces.x_row(j) + (inside ? at : 0),
                   pieces.x_there(j) && inside);
      } else {
        const std::byte* row = pieces.x_row(j) - first * sizeof(std::uint16_t);
        store_piece(to + j * Blocks::kApart, pieces.x_there(j) ? load_words(row, k, args.in, false)
                                                               : make_uint4(0, 0, 0, 0));
      }
    }
    // A row of W has zeros behind its end.
    const bool w_inside = k * sizeof(std::uint16_t) < args.weight_stride_bytes;
    for (int j = 0; j < Blocks::kW; ++j) {
      copy_async(to + (Blocks::kX + j) * Blocks::kApart, pieces.w_row(j) + (w_inside ? at : 0),
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
    const bool pairs = takes_pairs(args.y);
#pragma unroll
    for (int r = 0; r < kRowSteps; ++r) {
#pragma unroll
      for (int c = 0; c < kColumnSteps; ++c) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          store_pair(args, tile, first + c * kStepColumns, row + r * kStepRows + half * 8,
                     total[r][c][2 * half], total[r][c][2 * half + 1], pairs);
        }
      }
    }
  }

  static __device__ void run(const MatmulArgs& args, const MatmulTile& tile, std::size_t column,
                             SharedPlace stages) {
    const Pieces pieces = Blocks::pieces_of(args, tile, column);
    const int warp = static_cast<int>(threadIdx.x / kWarp);
    const int warp_row = warp / kWarpsAcross * kWarpRows;
    const int warp_column = warp % kWarpsAcross * kWarpColumns;
    const bool has_rows = warp_row < static_cast<int>(tile.rows);
    const int row_bytes = static_cast<int>(args.in * sizeof(std::uint16_t));
    const SharedPlace x = stages + warp_row * kRowBytes + lane_row_at();
    const SharedPlace w = stages + (kRows + warp_column) * kRowBytes + lane_column_at();
    const SharedPlace mine = stages + Blocks::my_place();
    Sums total = {};
    Sums sum = {};
    SliceWalk walk(row_bytes);
    SharedPlace to = 0;  // the stage of the next block
    const auto bring_next = [&] {
      if (walk.has_next()) {
        bring(args, pieces, walk.take(), mine + to);
        to = to + kStageBytes == kSharedBytes ? 0 : to + kStageBytes;
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
  const WideWork work = wide_work_of(args, blockIdx.x, ThisTile::kRows, kColumns);
  ThisTile::run(args, work.tile, work.column, shared_place(dynamic_shared_memory));
}

template <int kRowSteps, Shape kShape>
cudaError_t launch_shape(cudaStream_t stream, const MatmulArgs& args) {
  using ThisTile = WideTile<kRowSteps, kShape>;
  return launch_with_shared(&tensor_matmul_wide_kernel<kRowSteps, kShape>,
                            dim3(wide_work_count(args, ThisTile::kRows, kColumns)), kThreads,
                            ThisTile::kSharedBytes, stream, args);
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
  const bool some = args.tiles != nullptr
                        ? args.tile_rows_max <= kTensorRowsSome
                        : wide_work_count(args, kTensorRowsMany, kColumns) < kLargeTilesMin;
  if (args.team == MatmulTeam::kFourWarps && is_aligned(args.x) && args.in % kBlockK == 0) {
    return launch_tensor_matmul_group(stream, args, some ? kTensorRowsSome : kTensorRowsMany);
  }
  return some ? launch_tiles<2>(stream, args) : launch_tiles<4>(stream, args);
}

}  // namespace switchyard::kernels::cuda
