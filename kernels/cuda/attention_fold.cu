// Segments of a query row's context, left by the attention kernels, folded into the row's output.
// Ladder:
//   1 one thread a row.
//   2 one block a query row, a thread for each column and the one 128 behind it; the two numbers of
//     a segment are read by all threads of the block together.
//   3 (this) 16 segments on their way at a time.
// Bytes of a row with s segments: s (4 h + 8) read (just written: second-level cache), h * element
// written; 3 s h flops and 2 s exps a thread. Bound by the latency of the launch, of s / 16 loads
// one after the other, and of s short steps.
// Law 1: segments are folded in ascending order, as a kernel folds those it walks itself.
#include "kernels/cuda/attention_fold.cuh"
#include "kernels/cuda/kernels.h"
#include "kernels/cuda/launch.cuh"

namespace switchyard::kernels::cuda {
namespace {

constexpr unsigned int kThreads = 128;
constexpr int kColumnSets = 2;           // heads of up to 256
constexpr std::uint32_t kTogether = 16;  // segments that are on their way at a time

template <class Operand, class Base>
__global__ void __launch_bounds__(kThreads) fold_kernel(FoldArgs args) {
  const FoldItem item = args.items[blockIdx.x];
  Folded folded;
  float sum[kColumnSets] = {};
  for (std::uint32_t begin = 0; begin < item.segments; begin += kTogether) {
    SegmentSoftmax softmax[kTogether];
    float value[kTogether][kColumnSets];
#pragma unroll
    for (std::uint32_t i = 0; i < kTogether; ++i) {
      const std::uint32_t s = min(begin + i, item.segments - 1);
      const std::size_t partial = item.first + std::size_t{s} * item.step;
      softmax[i] = args.partials.softmax[partial];
#pragma unroll
      for (int set = 0; set < kColumnSets; ++set) {
        const std::size_t column = threadIdx.x + set * kThreads;
        if (column < args.head_size) {
          value[i][set] = args.partials.values[partial * args.head_size + column];
        }
      }
    }
#pragma unroll
    for (std::uint32_t i = 0; i < kTogether; ++i) {
      if (begin + i >= item.segments) break;
      const FoldFactors factors = fold<Base>(folded, softmax[i].highest, softmax[i].total);
#pragma unroll
      for (int set = 0; set < kColumnSets; ++set) {
        const std::size_t column = threadIdx.x + set * kThreads;
        if (column < args.head_size) sum[set] = fold_value(factors, sum[set], value[i][set]);
      }
    }
  }
  std::byte* out = args.out.data + std::size_t{item.token} * args.out.stride_bytes;
  const float inverse = 1.0F / folded.total;
#pragma unroll
  for (int set = 0; set < kColumnSets; ++set) {
    const std::size_t column = threadIdx.x + set * kThreads;
    if (column >= args.head_size) continue;
    Operand::store(out, item.head * args.head_size + column, attention_of(sum[set], inverse));
  }
}

}  // namespace

cudaError_t launch_fold(cudaStream_t stream, const FoldArgs& args) {
  const dim3 grid(static_cast<unsigned int>(args.item_count));
  if (args.base == ScoreBase::kTwo) {
    return launch(&fold_kernel<OperandBf16, BaseTwo>, grid, kThreads, stream, args);
  }
  const bool bf16 = args.out.dtype == DType::kBf16;
  return launch(bf16 ? &fold_kernel<OperandBf16, BaseE> : &fold_kernel<OperandF32, BaseE>, grid,
                kThreads, stream, args);
}

}  // namespace switchyard::kernels::cuda
