// y = x * W^T for bf16 operands in tiles of 64 or 128 rows, on the tensor cores of an H100 or H200,
// which four warps use together; rows of whole blocks of k only, others and other GPUs are left to
// tensor_matmul_wide.cu.
//
// Ladder, with what 4096 rows of 5120 x 2048, and 4096 of experts, 8 of 128 a row, gave on an H200:
//   1 tensor_matmul_wide.cu's tiles and stages with wgmma in place of ldmatrix and mma.sync. With
//     three stages only one block is on its way while two are multiplied: 320 TFLOP/s; with six 511
//     (four: 480). Without the second set of sums that law 1 asks for it would be 512 with four.
//   2 (this) the tiles of an expert side by side, so that its rows and its matrix come from memory
//     once, and experts of few rows left to single warps: experts 254 to 287 TFLOP/s, by the code
//     of 3 with a block a tile; not measured with the loop of 1, as it is here.
//   3 (not kept) a block for each place of a processor, which takes one tile after the other and
//     brings the next one's blocks while it stores: 466, experts 294.
//   4 (not yet) larger tiles, for which the sums of law 1 leave no registers; TMA that brings a
//     block to two processors at once.
// Bytes of a tile: 2 K (rows + 128), from the caches but for the first tile of a weight or row; 2 K
// rows 128 flops.
// Law 1: tensor_matmul.cuh. wgmma adds a step of 16 k as mma.sync does: no bit differed in 65
// million sums of up to 2048 products, of numbers alike in size and of numbers 120 powers of two
// apart (H200, 2026-11-28). NVIDIA promises no such thing: TensorMatmul in tests/gpu compares them
// on every GPU.
#include "group_tile.cuh"
#include "kernels/cuda/kernels.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/wide_blocks.cuh"

extern __shared__ __align__(128) unsigned char dynamic_shared_memory[];

namespace switchyard::kernels::cuda {
namespace {

constexpr int kColumns = kGroupColumns;
static_assert(kColumns == kTensorColumnsWide);
static_assert(kGroupRowBytes == kRowBytes && kGroupSteps == kSteps);

template <int kGroups>
struct GroupTile {
  static constexpr int kRows = kGroups * kGroupRows;
  static constexpr unsigned int kThreads = kGroups * kGroupThreads;
  using Blocks = WideBlocks<static_cast<int>(kThreads), kRows, kColumns>;
  // Most of a processor's shared memory, by one block of two groups or two blocks of one.
  static constexpr int kStages = kGroups == 1 ? 4 : 6;
  static constexpr SharedPlace kStageBytes = Blocks::kStageBytes;
  static constexpr SharedPlace kStagesBytes = kStages * kStageBytes;
  static constexpr std::size_t kSharedBytes = kStagesBytes + kGroupAlignment;

  static __device__ __forceinline__ void store(const MatmulArgs& args, const MatmulTile& tile,
                                               std::size_t column, const GroupSums& total) {
    const int lane = static_cast<int>(threadIdx.x % kWarp);
    const int row = static_cast<int>(threadIdx.x / kWarp) * kStepRows + lane / 4;
    const std::size_t first = column + static_cast<std::size_t>(lane % 4 * 2);
    const bool pairs = takes_pairs(args.y);
#pragma unroll
    for (int c = 0; c < kColumns / kStepColumns; ++c) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        store_pair(args, tile, first + c * kStepColumns, row + half * 8, total[4 * c + 2 * half],
                   total[4 * c + 2 * half + 1], pairs);
      }
    }
  }

  static __device__ void run(const MatmulArgs& args, const MatmulTile& tile, std::size_t column,
                             SharedPlace stages) {
    const auto pieces = Blocks::pieces_of(args, tile, column);
    const int group_row = static_cast<int>(threadIdx.x / kGroupThreads) * kGroupRows;
    const bool has_rows = group_row < static_cast<int>(tile.rows);
    const int row_bytes = static_cast<int>(args.in * sizeof(std::uint16_t));
    const SharedPlace x = stages + group_row * kRowBytes;
    const SharedPlace w = stages + kRows * kRowBytes;
    const SharedPlace mine = stages + Blocks::my_place();
    SliceWalk walk(row_bytes);
    SharedPlace to = 0;  // the stage of the next block
    const auto bring_next = [&] {
      if (walk.has_next()) {
        Blocks::bring(pieces, walk.take(), mine + to);
        to = to + kStageBytes == kStagesBytes ? 0 : to + kStageBytes;
      }
      close_copies();  // a group a round, empty or not, so that the waits below count right
    };
#pragma unroll
    for (int i = 0; i < kStages - 2; ++i) bring_next();
    GroupSums total = {};
    GroupSums sum = {};
    SharedPlace from = 0;
#pragma unroll 1
    for (int first = 0; first < kStepBytes; first += kSliceBytes) {
#pragma unroll 1
      for (int at = first; at < row_bytes; at += kStepBytes) {
        wait_copies<kStages - 3>();
        show_to_groups();
        // All copies of this stage are in. The one to fill was read two blocks ago, and every group
        // has waited for that product.
        __syncthreads();
        bring_next();
        if (has_rows) {
          begin_products();
#pragma unroll
          for (int step = 0; step < kSteps; ++step) multiply_group(sum, x + from, w + from, step);
          close_products();
          wait_products<1>();
        }
        from = from + kStageBytes == kStagesBytes ? 0 : from + kStageBytes;
      }
      wait_sums(sum);
#pragma unroll
      for (int i = 0; i < kGroupSums; ++i) {
        total[i] += sum[i];
        sum[i] = 0.0F;
      }
    }
    wait_copies<0>();
    store(args, tile, column, total);
  }
};

// Two blocks of one group a processor, or one of two.
template <int kGroups>
__global__ void __launch_bounds__(kGroups* kGroupThreads, 3 - kGroups)
    tensor_matmul_group_kernel(MatmulArgs args) {
  using ThisTile = GroupTile<kGroups>;
  const WideWork work = wide_work_of(args, blockIdx.x, ThisTile::kRows, kColumns);
  const SharedPlace shared = shared_place(dynamic_shared_memory);
  ThisTile::run(args, work.tile, work.column,
                (shared + kGroupAlignment - 1) / kGroupAlignment * kGroupAlignment);
}

template <int kGroups>
cudaError_t launch_groups(cudaStream_t stream, const MatmulArgs& args) {
  using ThisTile = GroupTile<kGroups>;
  return launch_with_shared(&tensor_matmul_group_kernel<kGroups>,
                            dim3(wide_work_count(args, ThisTile::kRows, kColumns)),
                            ThisTile::kThreads, ThisTile::kSharedBytes, stream, args);
}

}  // namespace

cudaError_t launch_tensor_matmul_group(cudaStream_t stream, const MatmulArgs& args,
                                       std::size_t tile_rows) {
  static_assert(GroupTile<1>::kRows == kTensorRowsSome && GroupTile<2>::kRows == kTensorRowsMany);
  return tile_rows == kTensorRowsSome ? launch_groups<1>(stream, args)
                                      : launch_groups<2>(stream, args);
}

}  // namespace switchyard::kernels::cuda
