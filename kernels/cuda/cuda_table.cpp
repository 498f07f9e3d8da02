#include "kernels/cuda/cuda_table.h"

#include <cuda_runtime_api.h>

#include "kernels/cuda/cuda_device.h"
#include "kernels/cuda/cuda_error.h"

namespace switchyard::kernels::cuda {
namespace {

// Set by the build: "sm_80 sm_90 sm_100 ptx_100".
constexpr const char* kArchitectures = SWITCHYARD_CUDA_ARCHITECTURES;

Result<int> count_gpus() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaErrorInsufficientDriver) {
    (void)cudaGetLastError();
    return fail(ErrorCode::kUnsupported, ErrorScope::kDevice,
                "device cuda: there is no NVIDIA driver here, or one older than CUDA {}.{}; "
                "use --device cpu",
                CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
  }
  if (status == cudaErrorNoDevice || (status == cudaSuccess && count == 0)) {
    (void)cudaGetLastError();
    return fail(ErrorCode::kUnsupported, ErrorScope::kDevice,
                "device cuda: no GPU is visible to this process; use --device cpu");
  }
  SY_TRY(check(status, "counting GPUs"));
  return count;
}

}  // namespace

Result<std::unique_ptr<Device>> make_cuda_device(const DeviceOptions& options) {
  SY_ASSIGN(const int count, count_gpus());
  const auto gpu = options.rank_on_host % static_cast<std::size_t>(count);
  return CudaDevice::create(static_cast<int>(gpu), options.precision);
}

std::vector<KernelChoice> explain_cuda_kernels() {
  const auto gpus = count_gpus();
  const std::string reason = gpus ? "" : gpus.error().message;
  std::vector<KernelChoice> list;
  for (const char* op : {"embed", "rmsnorm", "gemm", "gate", "attention", "experts", "combine",
                         "convert", "gather", "variance"}) {
    list.push_back({op, std::string("cuda ") + kArchitectures, gpus.has_value(), reason});
  }
  return list;
}

}  // namespace switchyard::kernels::cuda
