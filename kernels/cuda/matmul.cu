// y = x * W^T for fp32 operands: the gate of every model, and all matrices in fp32 precision.
// Tensor cores have no fp32; bf16 operands go to tensor_matmul.cu.
// Ladder:
//   1 one thread an output: W is read uncoalesced, a chain of K additions for each.
//   2 one warp an output, lanes side by side along K: coalesced, but W is read once for each row
//     of x and every output ends in five shuffles.
//   3 (this) one warp for 4 columns and up to 8 rows: a 16-byte load of W serves 8 rows, one of x
//     serves 4 columns; the 32 sums of a tile are reduced together in 31 shuffles.
// Bytes of a tile of r rows: 16 K of W (from memory), 4 r K of x (from the caches), 4 r outputs;
// 8 r K flops. Few rows: bound by the bytes of W. Many: 2 M N K flops at the rate of the fp32
// pipes, W read M / 8 times from the second-level cache.
// Law 1: lane l adds the products of chunks l, l + 32, ... of K in ascending order, then the 32
// lanes are added as a tree over lane bits 4, 3, 2, 1, 0. Nothing of this depends on the other
// rows.
#include "kernels/cuda/device_math.cuh"
#include "kernels/cuda/kernels.h"
#include "kernels/cuda/launch.cuh"

namespace switchyard::kernels::cuda {
namespace {

using Operand = OperandF32;
constexpr int kColumns = 4;  // of a warp
constexpr unsigned int kMatmulWarps = 4;
constexpr unsigned int kMatmulThreads = kMatmulWarps * kWarp;

// Sums kCount values of every lane over the lanes. Lane l gets the sum of value l / (32 / kCount).
// While a lane still holds several values it hands half of them to its partner and keeps the rest;
// the tree is the same for every kCount.
template <int kCount>
__device__ __forceinline__ float sum_over_lanes(float (&value)[kCount]) {
  const unsigned int lane = threadIdx.x % kWarp;
#pragma unroll
  for (int mask = 16, held = kCount; mask > 0; mask /= 2) {
    if (held > 1) {
      held /= 2;
      const bool upper = (lane & static_cast<unsigned int>(mask)) != 0;
#pragma unroll
      for (int i = 0; i < kCount / 2; ++i) {
        if (i >= held) continue;
        const float send = upper ? value[i] : value[i + held];
        const float keep = upper ? value[i + held] : value[i];
        value[i] = keep + __shfl_xor_sync(kAllLanes, send, mask);
      }
    } else {
      value[0] += __shfl_xor_sync(kAllLanes, value[0], mask);
    }
  }
  return value[0];
}

__device__ __forceinline__ void store(const MatmulArgs& args, std::size_t row, std::size_t column,
                                      float value) {
  std::byte* to = args.y.data + row * args.y.stride_bytes;
  if (args.store == MatmulStore::kAddF32) {
    float* sum = reinterpret_cast<float*>(to) + column;
    *sum = *sum + value;
  } else {
    store_element(to, args.y.dtype, column, value);
  }
}

// Columns column .. column + 3 of up to kRows rows.
template <int kRows>
__device__ __forceinline__ void multiply(const MatmulArgs& args, const MatmulTile& tile,
                                         std::size_t column) {
  constexpr int kCount = kRows * kColumns;
  constexpr int kSpread = static_cast<int>(kWarp) / kCount;  // lanes that hold the same sum
  const unsigned int lane = threadIdx.x % kWarp;
  const std::byte* x[kRows];
  const std::byte* w[kColumns];
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    const std::uint32_t at = static_cast<std::uint32_t>(r);
    const std::uint32_t row = at < tile.rows ? at : tile.rows - 1;
    x[r] = args.x.data + (tile.row_begin + row) * args.x.stride_bytes;
  }
#pragma unroll
  for (int c = 0; c < kColumns; ++c) {
    const std::size_t row = column + c < args.out ? column + c : args.out - 1;
    w[c] = tile.weight + row * args.weight_stride_bytes;
  }
  const bool aligned =
      (reinterpret_cast<std::uintptr_t>(args.x.data) | args.x.stride_bytes) % kChunkBytes == 0;
  float sum[kCount];
#pragma unroll
  for (int i = 0; i < kCount; ++i) sum[i] = 0.0F;
  const std::size_t chunks = (args.in + Operand::kChunk - 1) / Operand::kChunk;
  for (std::size_t chunk = lane; chunk < chunks; chunk += kWarp) {
    float weight[kColumns][Operand::kChunk];
#pragma unroll
    for (int c = 0; c < kColumns; ++c) {
      Operand::load_chunk(w[c] + chunk * kChunkBytes, weight[c]);
    }
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      float value[Operand::kChunk];
      load_row_chunk<Operand>(x[r], chunk, args.in, aligned, value);
#pragma unroll
      for (int c = 0; c < kColumns; ++c) {
#pragma unroll
        for (int i = 0; i < Operand::kChunk; ++i) {
          sum[r * kColumns + c] = __fmaf_rn(value[i], weight[c][i], sum[r * kColumns + c]);
        }
      }
    }
  }
  const float total = sum_over_lanes(sum);
  const unsigned int index = lane / kSpread;
  const std::size_t at_row = index / kColumns;
  const std::size_t at_column = column + index % kColumns;
  const bool mine = lane % kSpread == 0 && at_row < tile.rows && at_column < args.out;
  if (args.store == MatmulStore::kSwiglu) {
    const float up = __shfl_xor_sync(kAllLanes, total, kSpread);  // of the next column
    if (mine && at_column % 2 == 0) {
      store(args, tile.row_begin + at_row, at_column / 2, silu_as_ref(total) * up);
    }
  } else if (mine) {
    store(args, tile.row_begin + at_row, at_column, total);
  }
}

__global__ void __launch_bounds__(kMatmulThreads) matmul_kernel(MatmulArgs args) {
  const std::size_t warp = blockIdx.y * kMatmulWarps + threadIdx.x / kWarp;
  const std::size_t column = warp * kColumns;
  if (column >= args.out) return;
  MatmulTile tile;
  if (args.tiles != nullptr) {
    tile = args.tiles[blockIdx.x];
  } else {
    tile.weight = args.weight;
    tile.row_begin = static_cast<std::uint32_t>(blockIdx.x * kMatmulRows);
    const std::size_t left = args.rows - tile.row_begin;
    tile.rows = static_cast<std::uint32_t>(left < kMatmulRows ? left : kMatmulRows);
  }
  if (tile.rows > 4) {
    multiply<8>(args, tile, column);
  } else if (tile.rows > 2) {
    multiply<4>(args, tile, column);
  } else if (tile.rows > 1) {
    multiply<2>(args, tile, column);
  } else {
    multiply<1>(args, tile, column);
  }
}

}  // namespace

cudaError_t launch_matmul(cudaStream_t stream, const MatmulArgs& args) {
  const std::size_t columns = kColumns * kMatmulWarps;
  const std::size_t tiles =
      args.tiles != nullptr ? args.tile_count : (args.rows + kMatmulRows - 1) / kMatmulRows;
  const dim3 grid(static_cast<unsigned int>(tiles),
                  static_cast<unsigned int>((args.out + columns - 1) / columns));
  return launch(&matmul_kernel, grid, kMatmulThreads, stream, args);
}

}  // namespace switchyard::kernels::cuda
