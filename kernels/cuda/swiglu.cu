// silu(gate) * up of the rows that a library's product has left in fp32, for experts and dense FFNs
// whose products are not ours (library_gemm.h): ours end in it by themselves.
// Ladder: one thread an element -> (this) one block a row and 256 columns, 8 bytes a load (a gate
// and its up lie side by side). Bytes of a row of f columns: 8 f read (just written: second-level
// cache where they fit), f * element written; about 16 flops an element. Bound by memory. Law 1:
// elementwise.
#include "kernels/cuda/device_math.cuh"
#include "kernels/cuda/kernels.h"
#include "kernels/cuda/launch.cuh"

namespace switchyard::kernels::cuda {
namespace {

constexpr unsigned int kThreads = 256;

__global__ void __launch_bounds__(kThreads) swiglu_kernel(SwigluArgs args) {
  const std::size_t column = blockIdx.y * kThreads + threadIdx.x;
  if (column >= args.cols) return;
  const float2 pair =
      reinterpret_cast<const float2*>(args.gate_up + blockIdx.x * args.gate_up_stride)[column];
  store_element(args.to.data + blockIdx.x * args.to.stride_bytes, args.to.dtype, column,
                silu_as_ref(pair.x) * pair.y);
}

}  // namespace

cudaError_t launch_swiglu(cudaStream_t stream, const SwigluArgs& args) {
  const dim3 grid(static_cast<unsigned int>(args.rows),
                  static_cast<unsigned int>((args.cols + kThreads - 1) / kThreads));
  return launch(&swiglu_kernel, grid, kThreads, stream, args);
}

}  // namespace switchyard::kernels::cuda
