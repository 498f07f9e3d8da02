// comm/nccl/nccl_error.h -- status codes of NCCL and of the CUDA runtime as our errors.
// Thread safety: pure functions.
#pragma once

#include <cuda_runtime_api.h>
#include <nccl.h>

#include <string>
#include <string_view>

#include "runtime/base/error.h"

namespace switchyard::comm::nccl {

// `what` names the call. kLimit: out of memory. Anything else is kInternal with scope kDevice.
[[nodiscard]] Result<void> check_cuda(cudaError_t status, std::string_view what);

// ncclInProgress is no error here. kPeer: a remote rank or the network (scope kCommunicator);
// kInternal with scope kCommunicator: NCCL refuses the call or failed by itself; with scope kDevice
// where CUDA failed under it.
[[nodiscard]] Result<void> check_nccl(ncclResult_t status, std::string_view what);

// "NCCL 2.28.9".
[[nodiscard]] std::string version_text(int version);

}  // namespace switchyard::comm::nccl
