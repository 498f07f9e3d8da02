// What a GPU can do at most, as kernels here meet it: reading its memory, fused multiply-adds and
// tensor-core steps from registers alone. Nothing but `switchyard bench` and tests/gpu run these.
// Ladder: none. Bytes of the read: all of them once, in 16-byte loads, four under way a thread.
// Flops: 2 a lane and fused multiply-add, 4096 a warp and tensor step; eight independent sums, so
// that no step waits for the one before. mma.sync, not wgmma: a Hopper has more
// (docs/PERFORMANCE.md).
#include "kernels/cuda/device_math.cuh"
#include "kernels/cuda/kernels.h"
#include "kernels/cuda/launch.cuh"
#include "tensor_tile.cuh"

namespace switchyard::kernels::cuda {
namespace {

constexpr unsigned int kThreads = 128;
constexpr int kChains = 8;
constexpr int kLoads = 4;

__global__ void __launch_bounds__(kThreads) read_kernel(CeilingArgs args) {
  const auto* from = reinterpret_cast<const uint4*>(args.memory);
  const std::size_t count = args.bytes / sizeof(uint4);
  const std::size_t stride = std::size_t{gridDim.x} * kThreads;
  std::uint32_t seen = 0;
  for (std::size_t i = std::size_t{blockIdx.x} * kThreads + threadIdx.x; i < count;
       i += kLoads * stride) {
    uint4 words[kLoads];
#pragma unroll
    for (int load = 0; load < kLoads; ++load) {
      const std::size_t at = i + load * stride;
      words[load] = from[at < count ? at : i];
    }
#pragma unroll
    for (int load = 0; load < kLoads; ++load) {
      seen ^= words[load].x ^ words[load].y ^ words[load].z ^ words[load].w;
    }
  }
  if (seen == 0x5EED5EED) *args.sink = 1.0F;  // hardly ever, but the compiler cannot know
}

__global__ void __launch_bounds__(kThreads) fma_kernel(CeilingArgs args) {
  float sum[kChains] = {};
  const float x = static_cast<float>(threadIdx.x);
  for (std::size_t step = 0; step < args.steps; step += kChains) {
#pragma unroll
    for (int chain = 0; chain < kChains; ++chain) sum[chain] = __fmaf_rn(x, sum[chain], x);
  }
  float total = 0.0F;
#pragma unroll
  for (int chain = 0; chain < kChains; ++chain) total += sum[chain];
  if (total == 1.0F) *args.sink = total;
}

__global__ void __launch_bounds__(kThreads) tensor_kernel(CeilingArgs args) {
  float sum[kChains][4] = {};
  const std::uint32_t a[4] = {threadIdx.x, 0, threadIdx.x, 0};
  const std::uint32_t b[2] = {threadIdx.x, 0};
  for (std::size_t step = 0; step < args.steps; step += kChains) {
#pragma unroll
    for (int chain = 0; chain < kChains; ++chain) multiply_tile(sum[chain], a, b);
  }
  float total = 0.0F;
#pragma unroll
  for (int chain = 0; chain < kChains; ++chain) total += sum[chain][0];
  if (total == 1.0F) *args.sink = total;
}

}  // namespace

cudaError_t launch_ceiling(cudaStream_t stream, Ceiling which, const CeilingArgs& args) {
  const dim3 grid(args.blocks);
  switch (which) {
    case Ceiling::kRead: return launch(&read_kernel, grid, kThreads, stream, args);
    case Ceiling::kFp32: return launch(&fma_kernel, grid, kThreads, stream, args);
    case Ceiling::kTensor: return launch(&tensor_kernel, grid, kThreads, stream, args);
  }
  return cudaErrorInvalidValue;
}

double ceiling_flops(Ceiling which, const CeilingArgs& args) {
  constexpr double kFmaFlops = 2.0 * kThreads;                  // a step of a block
  constexpr double kTensorFlops = 4096.0 * (kThreads / kWarp);  // as well
  const double steps = static_cast<double>(args.blocks) * static_cast<double>(args.steps);
  if (which == Ceiling::kRead) return 0;
  return steps * (which == Ceiling::kFp32 ? kFmaFlops : kTensorFlops);
}

}  // namespace switchyard::kernels::cuda
