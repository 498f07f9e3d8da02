#include "comm/nccl/nccl_error.h"

namespace switchyard::comm::nccl {

Result<void> check_cuda(cudaError_t status, std::string_view what) {
  if (status == cudaSuccess) return {};
  (void)cudaGetLastError();  // or the next call finds it
  const auto code = status == cudaErrorMemoryAllocation ? ErrorCode::kLimit : ErrorCode::kInternal;
  return fail(code, code == ErrorCode::kLimit ? ErrorScope::kOperation : ErrorScope::kDevice,
              "nccl: {}: {} ({})", what, cudaGetErrorString(status), cudaGetErrorName(status));
}

Result<void> check_nccl(ncclResult_t status, std::string_view what) {
  switch (status) {
    case ncclSuccess:
    case ncclInProgress: return {};
    case ncclRemoteError:
    case ncclSystemError:
      return fail(ErrorCode::kPeer, ErrorScope::kCommunicator, "nccl: {}: {}", what,
                  ncclGetErrorString(status));
    case ncclUnhandledCudaError:
      return fail(ErrorCode::kInternal, ErrorScope::kDevice, "nccl: {}: {}", what,
                  ncclGetErrorString(status));
    default:
      return fail(ErrorCode::kInternal, ErrorScope::kCommunicator, "nccl: {}: {}", what,
                  ncclGetErrorString(status));
  }
}

std::string version_text(int version) {
  // Since 2.9 two digits for the minor version.
  const int unit = version >= 10000 ? 10000 : 1000;
  return fmt::format("NCCL {}.{}.{}", version / unit, version % unit / 100, version % 100);
}

}  // namespace switchyard::comm::nccl
