#include "tests/cuda_emulation/nccl/registrations.h"

#include <algorithm>

#include "tests/cuda_emulation/nccl/calls.h"

namespace cuda_emulation::nccl {
namespace {

constexpr std::size_t kPageBytes = 4096;

struct Registration {
  const Communicator* comm = nullptr;
  void* handle = nullptr;
  const std::byte* begin = nullptr;
  std::size_t bytes = 0;
};

std::vector<Registration>& registrations() {
  static std::vector<Registration> all;
  return all;
}

ncclResult_t enroll(ncclComm_t comm, void* buffer, std::size_t bytes, void** handle) {
  State& all = state();
  const Engine::Lock lock(all.mutex);
  return with(comm, "a registration", [&](Communicator& found) -> ncclResult_t {
    if (handle == nullptr) return ncclInvalidArgument;
    if (const ncclResult_t error = visit(NcclPoint::kRegister); error != ncclSuccess) return error;
    const auto* allocation = all.memory.find(buffer, bytes);
    if (allocation == nullptr || !allocation->for_nccl ||
        allocation->device != found.options().device) {
      settings().complaint = "registered memory that ncclMemAlloc did not make on this device";
      return ncclInvalidArgument;
    }
    if (settings().local_register == LocalRegister::kOff) return ncclSuccess;
    static std::uintptr_t made = 0;
    *handle = reinterpret_cast<void*>(++made);
    registrations().push_back({&found, *handle, static_cast<std::byte*>(buffer), bytes});
    return ncclSuccess;
  });
}

ncclResult_t withdraw(ncclComm_t comm, void* handle) {
  const Engine::Lock lock(state().mutex);
  return with(comm, "a deregistration", [&](Communicator& found) -> ncclResult_t {
    if (const ncclResult_t error = visit(NcclPoint::kDeregister); error != ncclSuccess) {
      return error;
    }
    if (found.busy()) return misuse("a deregistration with transfers that are not over");
    const auto taken_back = std::erase_if(registrations(), [&](const Registration& each) {
      return each.comm == &found && each.handle == handle;
    });
    return taken_back != 0 ? ncclSuccess : misuse("a deregistration of what was not registered");
  });
}

ncclResult_t answer_of(cudaError_t error) {
  return error == cudaSuccess ? ncclSuccess : ncclUnhandledCudaError;
}

// Marks the memory as NCCL's, or as nobody's before it is freed.
ncclResult_t claim(void* pointer) {
  const Engine::Lock lock(state().mutex);
  state().memory.starting_at(pointer)->for_nccl = true;
  return ncclSuccess;
}

ncclResult_t disclaim(void* pointer) {
  const Engine::Lock lock(state().mutex);
  auto* allocation = state().memory.starting_at(pointer);
  if (allocation == nullptr || !allocation->for_nccl) {
    return misuse("ncclMemFree of memory that ncclMemAlloc did not make");
  }
  const auto in_it = [&](const Registration& each) {
    return each.begin >= allocation->begin && each.begin < allocation->begin + allocation->bytes;
  };
  if (std::ranges::any_of(registrations(), in_it)) {
    return misuse("ncclMemFree of memory that is registered");
  }
  allocation->for_nccl = false;
  return ncclSuccess;
}

}  // namespace

bool is_registered(const Communicator& comm, const std::byte* data, std::size_t bytes) {
  return std::ranges::any_of(registrations(), [&](const Registration& each) {
    return each.comm == &comm && data >= each.begin && data + bytes <= each.begin + each.bytes;
  });
}

std::size_t registrations_of(const Communicator& comm) {
  return static_cast<std::size_t>(std::ranges::count(registrations(), &comm, &Registration::comm));
}

void forget_registrations(const Communicator& comm) {
  std::erase_if(registrations(), [&](const Registration& each) { return each.comm == &comm; });
}

}  // namespace cuda_emulation::nccl

namespace emulated = cuda_emulation::nccl;

ncclResult_t ncclMemAlloc(void** pointer, std::size_t bytes) {
  {
    const cuda_emulation::Engine::Lock lock(cuda_emulation::state().mutex);
    const ncclResult_t error = emulated::visit(cuda_emulation::NcclPoint::kMemAlloc);
    if (error != ncclSuccess) return error;
  }
  const std::size_t pages = (bytes + emulated::kPageBytes - 1) / emulated::kPageBytes;
  const ncclResult_t made = emulated::answer_of(cudaMalloc(pointer, pages * emulated::kPageBytes));
  return made == ncclSuccess && bytes != 0 ? emulated::claim(*pointer) : made;
}

ncclResult_t ncclMemFree(void* pointer) {
  if (pointer == nullptr) return ncclSuccess;
  const ncclResult_t free = emulated::disclaim(pointer);
  return free == ncclSuccess ? emulated::answer_of(cudaFree(pointer)) : free;
}

ncclResult_t ncclCommRegister(const ncclComm_t comm, void* buffer, std::size_t bytes,
                              void** handle) {
  return emulated::enroll(comm, buffer, bytes, handle);
}

ncclResult_t ncclCommDeregister(const ncclComm_t comm, void* handle) {
  if (handle == nullptr) return ncclSuccess;  // as ncclCommRegister answers where it does nothing
  return emulated::withdraw(comm, handle);
}

ncclResult_t ncclCommWindowRegister(ncclComm_t comm, void* buffer, std::size_t bytes,
                                    ncclWindow_t* window, int /*flags*/) {
  if (reinterpret_cast<std::uintptr_t>(buffer) % emulated::kPageBytes != 0) {
    return ncclInvalidArgument;
  }
  return emulated::enroll(comm, buffer, bytes, reinterpret_cast<void**>(window));
}

ncclResult_t ncclCommWindowDeregister(ncclComm_t comm, ncclWindow_t window) {
  return emulated::withdraw(comm, window);
}

namespace cuda_emulation {

std::size_t nccl_registrations() {
  const std::lock_guard lock(state().mutex);
  return nccl::registrations().size();
}

}  // namespace cuda_emulation
