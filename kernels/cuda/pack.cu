// A checkpoint's weights into the operand type, once, at load.
// Ladder: on the host, one element at a time -> (this) on the device, one block a row, behind the
// copy. Bytes: element read + operand element written; a rounding and a look for NaN and infinity
// each, so one or two operations an element: bound by the copy to the device.
#include "kernels/cuda/device_math.cuh"
#include "kernels/cuda/kernels.h"
#include "kernels/cuda/launch.cuh"

namespace switchyard::kernels::cuda {
namespace {

constexpr unsigned int kPackThreads = 256;

__global__ void __launch_bounds__(kPackThreads) pack_kernel(PackArgs args) {
  const std::size_t row = blockIdx.x;
  const std::byte* from = args.from + row * args.cols * size_bytes(args.from_dtype);
  const std::size_t to_row = (args.first_row + row) * args.to_step + args.to_offset;
  std::byte* to = args.to.data + to_row * args.to.stride_bytes;
  for (std::size_t i = threadIdx.x; i < args.cols; i += kPackThreads) {
    float value = load_element(from, args.from_dtype, i);
    if (args.to.dtype == DType::kBf16) value = from_bf16(bits_of_bf16(value));
    if ((__float_as_uint(value) & 0x7F800000U) == 0x7F800000U) {
      atomicMin(args.bad, static_cast<unsigned long long>((args.first_row + row) * args.cols + i));
    }
    store_element(to, args.to.dtype, i, value);
  }
}

}  // namespace

cudaError_t launch_pack(cudaStream_t stream, const PackArgs& args) {
  return launch(&pack_kernel, dim3(static_cast<unsigned int>(args.rows)), kPackThreads, stream,
                args);
}

}  // namespace switchyard::kernels::cuda
