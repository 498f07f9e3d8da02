// y = x * W^T for bf16 operands, on tensor cores whatever the number of rows.
// Ladder:
//   1 to 3 as in matmul.cu (which stays for fp32): bound by the fp32 pipes from about 8 rows on.
//   4 mma.sync m16n8k16 with fragments by 4-byte loads: half of each memory sector is used.
//   5 (this) the places of k in two steps are dealt out so that each lane's share of 32 k is 16
//     bytes in a row: one load a lane for x and for W feeds two steps, no shared memory on the
//     way. Four warps of a block share a tile and take every fourth block of 32 k, so that one
//     row still keeps enough loads in flight.
//   6 (not yet) TMA and wgmma for long prompts.
// Bytes of a block of n columns: 2 K n of W (from memory), its rows of x (from the caches), its
// outputs. Few rows: bound by the bytes of W; the unused rows of a tile are zeros and take
// nothing that is short. Many: 2 M N K flops; a warp brings 4 KiB from the caches for every 16
// steps (32,768 multiply-adds) of the large tile.
// Law 1: warp w adds the blocks w, w + 4, ... of 32 k in ascending order, each block as two steps
// of a tensor core, then the four warps are added in order. Nothing of this depends on the other
// rows.
#include "kernels/cuda/device_math.cuh"
#include "kernels/cuda/kernels.h"
#include "kernels/cuda/launch.cuh"
#include "tensor_tile.cuh"

namespace switchyard::kernels::cuda {
namespace {

constexpr int kSlices = 4;  // warps of a block
constexpr unsigned int kThreads = kSlices * kWarp;
constexpr int kStepRows = 16;
static_assert(kTensorRowsFew == kStepRows && kTensorRowsMany == 2 * kStepRows);
constexpr int kStepColumns = 8;
constexpr std::size_t kBlockK = 32;  // elements of k that four lanes load together

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

// kRowSteps x 16 rows and kColumnSteps x 8 columns.
template <int kRowSteps, int kColumnSteps>
struct Tile {
  static constexpr int kRows = kRowSteps * kStepRows;
  static constexpr int kColumns = kColumnSteps * kStepColumns;

  // The sums of this warp's blocks of k.
  static __device__ __forceinline__ void accumulate(const MatmulArgs& args, const MatmulTile& tile,
                                                    std::size_t column,
                                                    float (&sum)[kRowSteps][kColumnSteps][4]) {
    const unsigned int lane = threadIdx.x % kWarp;
    const unsigned int slice = threadIdx.x / kWarp;
    const std::uint32_t g = lane / 4;
    const std::size_t first_k = std::size_t{lane % 4} * 8;
    const bool aligned =
        (reinterpret_cast<std::uintptr_t>(args.x.data) | args.x.stride_bytes) % kChunkBytes == 0;
    const std::byte* w[kColumnSteps];
#pragma unroll
    for (int c = 0; c < kColumnSteps; ++c) {
      const std::size_t row = column + c * kStepColumns + g;
      w[c] = tile.weight + (row < args.out ? row : args.out - 1) * args.weight_stride_bytes;
    }
    const std::byte* x = args.x.data + std::size_t{tile.row_begin} * args.x.stride_bytes;
    for (std::size_t k = slice * kBlockK; k < args.in; k += kSlices * kBlockK) {
      uint4 weight[kColumnSteps];
#pragma unroll
      for (int c = 0; c < kColumnSteps; ++c) {
        weight[c] = *reinterpret_cast<const uint4*>(w[c] + (k + first_k) * sizeof(std::uint16_t));
      }
#pragma unroll
      for (int r = 0; r < kRowSteps; ++r) {
        uint4 value[2];
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const std::uint32_t row = r * kStepRows + half * 8 + g;
          value[half] = make_uint4(0, 0, 0, 0);
          if (row < tile.rows) {
            value[half] = load_words(x + row * args.x.stride_bytes, k + first_k, args.in, aligned);
          }
        }
        const std::uint32_t a0[4] = {value[0].x, value[1].x, value[0].y, value[1].y};
        const std::uint32_t a1[4] = {value[0].z, value[1].z, value[0].w, value[1].w};
#pragma unroll
        for (int c = 0; c < kColumnSteps; ++c) {
          const std::uint32_t b0[2] = {weight[c].x, weight[c].y};
          const std::uint32_t b1[2] = {weight[c].z, weight[c].w};
          multiply_tile(sum[r][c], a0, b0);
          multiply_tile(sum[r][c], a1, b1);
        }
      }
    }
  }

  static __device__ __forceinline__ void store(const MatmulArgs& args, const MatmulTile& tile,
                                               std::size_t column, int row, int at, float value,
                                               float next) {
    if (row >= static_cast<int>(tile.rows) || column + at >= args.out) return;
    std::byte* to = args.y.data + (std::size_t{tile.row_begin} + row) * args.y.stride_bytes;
    if (args.store == MatmulStore::kSwiglu) {
      if (at % 2 == 0) {
        store_element(to, args.y.dtype, (column + at) / 2, silu_as_ref(value) * next);
      }
    } else if (args.store == MatmulStore::kAddF32) {
      float* sum = reinterpret_cast<float*>(to) + column + at;
      *sum = *sum + value;
    } else {
      store_element(to, args.y.dtype, column + at, value);
    }
  }

  static __device__ void run(const MatmulArgs& args, const MatmulTile& tile, std::size_t column) {
    // One more float a row, so that the rows of a column fall into different banks.
    __shared__ float partial[kSlices][kRows][kColumns + 1];
    float sum[kRowSteps][kColumnSteps][4] = {};
    accumulate(args, tile, column, sum);
    const int lane = static_cast<int>(threadIdx.x % kWarp);
    const int slice = static_cast<int>(threadIdx.x / kWarp);
#pragma unroll
    for (int r = 0; r < kRowSteps; ++r) {
#pragma unroll
      for (int c = 0; c < kColumnSteps; ++c) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          partial[slice][r * kStepRows + lane / 4 + i / 2 * 8]
                 [c * kStepColumns + lane % 4 * 2 + i % 2] = sum[r][c][i];
        }
      }
    }
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < kRows * kColumns;
         i += static_cast<int>(kThreads)) {
      const int row = i / kColumns;
      const int at = i % kColumns;
      float value = 0.0F;
      float next = 0.0F;  // of the next column: the up to this gate
#pragma unroll
      for (int s = 0; s < kSlices; ++s) {
        value += partial[s][row][at];
        next += partial[s][row][at ^ 1];
      }
      store(args, tile, column, row, at, value, next);
    }
  }
};

template <int kRowSteps, int kColumnSteps>
__global__ void __launch_bounds__(kThreads) tensor_matmul_kernel(MatmulArgs args) {
  using ThisTile = Tile<kRowSteps, kColumnSteps>;
  MatmulTile tile;
  if (args.tiles != nullptr) {
    tile = args.tiles[blockIdx.x];
  } else {
    const std::size_t begin = std::size_t{blockIdx.x} * ThisTile::kRows;
    const std::size_t left = args.rows - begin;
    tile.weight = args.weight;
    tile.row_begin = static_cast<std::uint32_t>(begin);
    tile.rows = static_cast<std::uint32_t>(left < ThisTile::kRows ? left : ThisTile::kRows);
  }
  ThisTile::run(args, tile, std::size_t{blockIdx.y} * ThisTile::kColumns);
}

template <int kRowSteps, int kColumnSteps>
cudaError_t launch_tiles(cudaStream_t stream, const MatmulArgs& args) {
  using ThisTile = Tile<kRowSteps, kColumnSteps>;
  const std::size_t tiles =
      args.tiles != nullptr ? args.tile_count : (args.rows + ThisTile::kRows - 1) / ThisTile::kRows;
  const dim3 grid(
      static_cast<unsigned int>(tiles),
      static_cast<unsigned int>((args.out + ThisTile::kColumns - 1) / ThisTile::kColumns));
  return launch(&tensor_matmul_kernel<kRowSteps, kColumnSteps>, grid, kThreads, stream, args);
}

}  // namespace

cudaError_t launch_tensor_matmul(cudaStream_t stream, const MatmulArgs& args) {
  const std::size_t rows = args.tiles != nullptr ? args.tile_rows_max : args.rows;
  return rows <= kTensorRowsFew ? launch_tiles<1, 2>(stream, args)
                                : launch_tiles<2, 4>(stream, args);
}

}  // namespace switchyard::kernels::cuda
