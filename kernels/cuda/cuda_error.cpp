#include "kernels/cuda/cuda_error.h"

#include <fmt/format.h>

namespace switchyard::kernels::cuda {

Error to_error(cudaError_t status, std::string_view what) {
  const auto text =
      fmt::format("cuda: {}: {} ({})", what, cudaGetErrorString(status), cudaGetErrorName(status));
  switch (status) {
    case cudaErrorMemoryAllocation: return {ErrorCode::kLimit, ErrorScope::kOperation, text};
    case cudaErrorNoDevice:
    case cudaErrorInsufficientDriver:
    case cudaErrorNoKernelImageForDevice:
      return {ErrorCode::kUnsupported, ErrorScope::kDevice, text};
    default: return {ErrorCode::kInternal, ErrorScope::kDevice, text};
  }
}

Result<void> check(cudaError_t status, std::string_view what) {
  if (status == cudaSuccess) return {};
  // A failed call also leaves its status behind for the next one to find, unless it is cleared.
  (void)cudaGetLastError();
  return Unexpected(to_error(status, what));
}

}  // namespace switchyard::kernels::cuda
