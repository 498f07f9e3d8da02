// The kernel sets of this processor.
#include <cstdlib>

#include "tests/conformance/kernels/kernel_cases.h"

namespace switchyard::kernels::test {

std::vector<KernelCase> every_kernel_case() {
  std::vector<KernelCase> cases;
  for (const char* isa : {"avx512-bf16", "avx512", "avx2", "ref"}) {
    cases.push_back({isa, Precision::kBf16});
    cases.push_back({isa, Precision::kFp32});
  }
  return cases;
}

Result<std::unique_ptr<Device>> make_case_device(const KernelCase& which, std::size_t threads) {
  return make_device("cpu", {which.precision, threads, which.isa});
}

std::byte* allocate_shared(std::size_t bytes) {
  return static_cast<std::byte*>(std::malloc(bytes));  // NOLINT
}
void free_shared(std::byte* memory) noexcept { std::free(memory); }  // NOLINT

}  // namespace switchyard::kernels::test
