// kernels/cuda/cuda_error.h -- CUDA's status codes as our errors.
// Thread safety: pure functions.
#pragma once

#include <cuda_runtime_api.h>

#include <string_view>

#include "runtime/base/error.h"

namespace switchyard::kernels::cuda {

// `what` names the call. kLimit: out of memory. kUnsupported: no GPU, driver or code for it.
// Anything else is kInternal with scope kDevice: the device has to be made anew, mostly with its
// process.
[[nodiscard]] Error to_error(cudaError_t status, std::string_view what);
[[nodiscard]] Result<void> check(cudaError_t status, std::string_view what);

}  // namespace switchyard::kernels::cuda
