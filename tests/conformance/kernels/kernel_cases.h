// tests/conformance/kernels/kernel_cases.h -- the seam between the suite and the devices it is run
// over: which cases there are, how a device is made, and memory that host and device both touch.
// One binary is linked with cpu_cases.cpp, another with those of an emulated GPU.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "kernels/device.h"

namespace switchyard::kernels::test {

struct KernelCase {
  std::string isa;  // of the cpu, or a name of the device's own
  Precision precision = Precision::kBf16;
};
void PrintTo(const KernelCase& which, std::ostream* out);

std::vector<KernelCase> every_kernel_case();
// Its ops are done when they return. Errors: kUnsupported where it cannot run here.
Result<std::unique_ptr<Device>> make_case_device(const KernelCase& which, std::size_t threads);

// Null when there is no more.
std::byte* allocate_shared(std::size_t bytes);
void free_shared(std::byte* memory) noexcept;

template <class T>
struct SharedAllocator {
  using value_type = T;
  SharedAllocator() = default;
  template <class U>
  SharedAllocator(const SharedAllocator<U>& /*other*/) noexcept {}  // NOLINT
  T* allocate(std::size_t count) {
    std::byte* memory = allocate_shared(count * sizeof(T));
    if (memory == nullptr) throw std::bad_alloc();
    return reinterpret_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t /*count*/) noexcept {
    free_shared(reinterpret_cast<std::byte*>(memory));
  }
  template <class U>
  bool operator==(const SharedAllocator<U>& /*other*/) const noexcept {
    return true;
  }
};

// What an op may be handed.
using Values = std::vector<float, SharedAllocator<float>>;
using RawBytes = std::vector<std::byte, SharedAllocator<std::byte>>;

}  // namespace switchyard::kernels::test
