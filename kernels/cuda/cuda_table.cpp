#include "kernels/cuda/cuda_table.h"

#include <cuda_runtime_api.h>

#include "kernels/cuda/cuda_device.h"
#include "kernels/cuda/cuda_error.h"
#include "kernels/cuda/library_gemm.h"
#include "kernels/cuda/limits.h"

namespace switchyard::kernels::cuda {
namespace {

// Set by the build: "sm_80 sm_90a sm_100 ptx_100".
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
  return CudaDevice::create(static_cast<int>(gpu), options);
}

// Best first, as they are tried for products of many rows.
std::vector<KernelChoice> explain_cuda_kernels(const DeviceOptions& options) {
  const auto gpus = count_gpus();
  const std::string no_gpu = gpus ? "" : gpus.error().message;
  const std::string ours = std::string("cuda ") + kArchitectures;
  std::string no_library = library_gemm_missing();
  if (no_library.empty() && options.cuda_gemm != CudaGemm::kCublas) {
    no_library = "not asked for (--cuda-gemm cublas): a row's bits would depend on its batch";
  }
  const bool library = gpus.has_value() && no_library.empty();
  std::vector<KernelChoice> list;
  const auto add_ours = [&](std::string op) {
    list.push_back({std::move(op), ours, gpus.has_value(), no_gpu});
  };
  for (const char* op : {"gemm", "experts"}) {
    const auto many = fmt::format("{}, {}+", op, kLibraryRowsMin);
    list.push_back({many, "cublas", library, gpus ? no_library : no_gpu});
    list.push_back({many, ours, gpus.has_value() && !library, no_gpu});
    add_ours(op);
  }
  for (const char* op : {"embed", "rmsnorm", "gate", "attention", "combine", "convert", "gather",
                         "variance", "argmax", "select"}) {
    add_ours(op);
  }
  return list;
}

}  // namespace switchyard::kernels::cuda
