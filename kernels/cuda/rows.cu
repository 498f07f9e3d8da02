// The kernels that work on whole rows: embedding, RMSNorm, gather, convert, combine, variance.
// Ladder: one thread a row (uncoalesced) -> one block a row, consecutive threads on consecutive
// elements (embed, RMSNorm) -> 16 bytes a thread where rows are aligned (gather, combine). All are
// bound by memory; bytes per row of d elements:
//   embed     d * table element + 4 d; no flops
//   RMSNorm   4 d read (twice, the second time from the cache), operand + 4 d written; 3 d flops
//   gather    row_bytes read and written; no flops
//   convert   d * element read + d * element written; at most one rounding an element
//   combine   slots * d * wire element + 8 d; 2 d flops a slot
//   variance  4 d; 4 d fp64 flops in one chain (index order is its contract)
#include "kernels/cuda/device_math.cuh"
#include "kernels/cuda/kernels.h"
#include "kernels/cuda/launch.cuh"

namespace switchyard::kernels::cuda {
namespace {

constexpr unsigned int kRowThreads = 256;
constexpr unsigned int kRowWarps = kRowThreads / kWarp;

__global__ void __launch_bounds__(kRowThreads) embed_kernel(EmbedArgs args) {
  const std::size_t row = blockIdx.x;
  const std::byte* from = args.table + args.ids[row] * args.cols * size_bytes(args.dtype);
  float* to = args.out + row * args.out_stride;
  for (std::size_t i = threadIdx.x; i < args.cols; i += kRowThreads) {
    to[i] = load_element(from, args.dtype, i);
  }
}

// Thread t sums elements t, t + 256, ...; warps as trees, then the eight warps in order.
__global__ void __launch_bounds__(kRowThreads) rmsnorm_kernel(RmsNormArgs args) {
  __shared__ float partial[kRowWarps];
  const std::size_t row = blockIdx.x;
  const float* x = args.x + row * args.x_stride;
  float sum = 0.0F;
  for (std::size_t i = threadIdx.x; i < args.cols; i += kRowThreads) {
    sum = __fmaf_rn(x[i], x[i], sum);
  }
  sum = warp_sum(sum);
  if (threadIdx.x % kWarp == 0) partial[threadIdx.x / kWarp] = sum;
  __syncthreads();
  float total = 0.0F;
  for (unsigned int w = 0; w < kRowWarps; ++w) total += partial[w];
  const float factor = 1.0F / sqrtf(total / static_cast<float>(args.cols) + args.eps);
  std::byte* operand = args.operand.data + row * args.operand.stride_bytes;
  for (std::size_t i = threadIdx.x; i < args.cols; i += kRowThreads) {
    const float y = x[i] * factor * args.gain[i];
    store_element(operand, args.operand.dtype, i, y);
    if (args.fp32 != nullptr) args.fp32[row * args.fp32_stride + i] = y;
  }
}

template <class Word>
__global__ void __launch_bounds__(kRowThreads) gather_kernel(GatherArgs args) {
  const std::size_t from_row = args.from_row == nullptr ? blockIdx.x : args.from_row[blockIdx.x];
  const std::size_t to_row = args.to_row == nullptr ? blockIdx.x : args.to_row[blockIdx.x];
  const auto* from =
      reinterpret_cast<const Word*>(args.from.data + from_row * args.from.stride_bytes);
  auto* to = reinterpret_cast<Word*>(args.to.data + to_row * args.to.stride_bytes);
  for (std::size_t i = threadIdx.x; i < args.row_bytes / sizeof(Word); i += kRowThreads) {
    to[i] = from[i];
  }
}

__global__ void __launch_bounds__(kRowThreads) convert_kernel(ConvertArgs args) {
  const std::byte* from = args.from.data + blockIdx.x * args.from.stride_bytes;
  std::byte* to = args.to.data + blockIdx.x * args.to.stride_bytes;
  for (std::size_t i = threadIdx.x; i < args.cols; i += kRowThreads) {
    store_element(to, args.to.dtype, i, load_element(from, args.from.dtype, i));
  }
}

// Each thread owns one chunk of the row and walks the slots in order.
template <class Operand>
__global__ void __launch_bounds__(kRowThreads) combine_kernel(CombineArgs args) {
  const std::size_t row = blockIdx.x;
  const std::size_t chunk = blockIdx.y * kRowThreads + threadIdx.x;
  const std::size_t first = chunk * Operand::kChunk;
  if (first >= args.cols) return;
  float sum[Operand::kChunk];
#pragma unroll
  for (int i = 0; i < Operand::kChunk; ++i) sum[i] = 0.0F;
  for (std::uint32_t s = args.slot_begin[row]; s < args.slot_begin[row + 1]; ++s) {
    const DeviceSlot slot = args.slots[s];
    if (slot.row == nullptr) continue;
    float value[Operand::kChunk];
    const bool aligned = reinterpret_cast<std::uintptr_t>(slot.row) % kChunkBytes == 0;
    load_row_chunk<Operand>(slot.row, chunk, args.cols, aligned, value);
#pragma unroll
    for (int i = 0; i < Operand::kChunk; ++i) {
      sum[i] = __fadd_rn(sum[i], __fmul_rn(slot.weight, value[i]));
    }
  }
  float* residual = args.residual + row * args.residual_stride + first;
#pragma unroll
  for (int i = 0; i < Operand::kChunk; ++i) {
    if (first + i < args.cols) residual[i] = residual[i] + sum[i];
  }
}

__global__ void __launch_bounds__(kRowThreads) row_variance_kernel(VarianceArgs args) {
  const std::size_t row = std::size_t{blockIdx.x} * kRowThreads + threadIdx.x;
  if (row >= args.rows) return;
  const float* x = args.x + row * args.x_stride;
  double sum = 0;
  double squares = 0;
  for (std::size_t i = 0; i < args.cols; ++i) {
    const double value = x[i];
    sum += value;
    squares += value * value;
  }
  const double scale = 1.0 / static_cast<double>(args.cols);
  const double mean = sum * scale;
  args.out[row] = static_cast<float>(squares * scale - mean * mean);
}

dim3 one_block_a_row(std::size_t rows) { return dim3(static_cast<unsigned int>(rows)); }

bool fits_words(const void* data, std::size_t stride_bytes, std::size_t word_bytes) {
  return (reinterpret_cast<std::uintptr_t>(data) | stride_bytes) % word_bytes == 0;
}

}  // namespace

cudaError_t launch_embed(cudaStream_t stream, const EmbedArgs& args) {
  return launch(&embed_kernel, one_block_a_row(args.rows), kRowThreads, stream, args);
}

cudaError_t launch_rmsnorm(cudaStream_t stream, const RmsNormArgs& args) {
  return launch(&rmsnorm_kernel, one_block_a_row(args.rows), kRowThreads, stream, args);
}

cudaError_t launch_gather(cudaStream_t stream, const GatherArgs& args) {
  const bool chunks = args.row_bytes % kChunkBytes == 0 &&
                      fits_words(args.from.data, args.from.stride_bytes, kChunkBytes) &&
                      fits_words(args.to.data, args.to.stride_bytes, kChunkBytes);
  return launch(chunks ? &gather_kernel<uint4> : &gather_kernel<std::uint16_t>,
                one_block_a_row(args.rows), kRowThreads, stream, args);
}

cudaError_t launch_convert(cudaStream_t stream, const ConvertArgs& args) {
  return launch(&convert_kernel, one_block_a_row(args.rows), kRowThreads, stream, args);
}

cudaError_t launch_combine(cudaStream_t stream, const CombineArgs& args) {
  const bool bf16 = args.dtype == DType::kBf16;
  const std::size_t chunk = bf16 ? OperandBf16::kChunk : OperandF32::kChunk;
  const std::size_t columns = chunk * kRowThreads;
  const dim3 grid(static_cast<unsigned int>(args.rows),
                  static_cast<unsigned int>((args.cols + columns - 1) / columns));
  return launch(bf16 ? &combine_kernel<OperandBf16> : &combine_kernel<OperandF32>, grid,
                kRowThreads, stream, args);
}

cudaError_t launch_row_variance(cudaStream_t stream, const VarianceArgs& args) {
  const auto blocks = static_cast<unsigned int>((args.rows + kRowThreads - 1) / kRowThreads);
  return launch(&row_variance_kernel, dim3(blocks), kRowThreads, stream, args);
}

}  // namespace switchyard::kernels::cuda
