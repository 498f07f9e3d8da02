// The CUDA device over the emulated runtime, under three orders of blocks, threads and streams.
#include <cuda_runtime_api.h>

#include "tests/conformance/kernels/kernel_cases.h"
#include "tests/cuda_emulation/control.h"
#include "tests/gpu/synced_device.h"

namespace switchyard::kernels::test {
namespace {

cuda_emulation::Schedule schedule_of(const std::string& name) {
  using cuda_emulation::Order;
  using cuda_emulation::Progress;
  if (name == "cuda-ascending") return {Order::kAscending, Progress::kLate, 1};
  if (name == "cuda-descending") return {Order::kDescending, Progress::kEarly, 1};
  return {Order::kRandom, Progress::kRandom, 7};
}

}  // namespace

std::vector<KernelCase> every_kernel_case() {
  std::vector<KernelCase> cases;
  for (const char* schedule : {"cuda-ascending", "cuda-descending", "cuda-random"}) {
    cases.push_back({schedule, Precision::kBf16});
    cases.push_back({schedule, Precision::kFp32});
  }
  return cases;
}

// `threads` makes no difference on a GPU: one more device of its own stream.
Result<std::unique_ptr<Device>> make_case_device(const KernelCase& which, std::size_t /*threads*/) {
  cuda_emulation::set_schedule(schedule_of(which.isa));
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
