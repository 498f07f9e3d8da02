// The CUDA device of this machine; without a GPU every test is skipped and says why.
#include <cuda_runtime_api.h>

#include "tests/conformance/kernels/kernel_cases.h"
#include "tests/gpu/synced_device.h"

namespace switchyard::kernels::test {

std::vector<KernelCase> every_kernel_case() {
  return {{"cuda", Precision::kBf16}, {"cuda", Precision::kFp32}};
}

Result<std::unique_ptr<Device>> make_case_device(const KernelCase& which, std::size_t /*threads*/) {
  SY_ASSIGN(auto device, make_device("cuda", {which.precision, 1, "auto"}));
  return std::make_unique<SyncedDevice>(std::move(device));
}

std::byte* allocate_shared(std::size_t bytes) {
  void* memory = nullptr;
  const auto status = cudaHostAlloc(&memory, bytes, cudaHostAllocMapped);
  return status == cudaSuccess ? static_cast<std::byte*>(memory) : nullptr;
}
void free_shared(std::byte* memory) noexcept { (void)cudaFreeHost(memory); }

}  // namespace switchyard::kernels::test
