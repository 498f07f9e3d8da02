// Stands in for kernels/cuda in a build without the CUDA toolkit.
#include "kernels/cuda/cuda_table.h"

namespace switchyard::kernels::cuda {
namespace {

constexpr const char* kMissing =
    "device cuda: this build was made without the CUDA toolkit; build where nvcc is installed, or "
    "use --device cpu";

}  // namespace

Result<std::unique_ptr<Device>> make_cuda_device(const DeviceOptions& /*options*/) {
  return fail(ErrorCode::kUnsupported, ErrorScope::kDevice, "{}", kMissing);
}

std::vector<KernelChoice> explain_cuda_kernels(const DeviceOptions& /*options*/) {
  return {{"all", "cuda", false, kMissing}};
}

Result<Ceilings> measure_cuda_ceilings(const DeviceOptions& /*options*/) {
  return fail(ErrorCode::kUnsupported, ErrorScope::kDevice, "{}", kMissing);
}

}  // namespace switchyard::kernels::cuda
