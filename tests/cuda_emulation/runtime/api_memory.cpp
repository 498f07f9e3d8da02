// Allocation: device memory, pinned memory, what a pointer is.
#include "tests/cuda_emulation/api/memory.h"

#include <algorithm>

#include "tests/cuda_emulation/runtime/state.h"

namespace {

using cuda_emulation::api_call;
using cuda_emulation::Call;

// Freeing waits for all work of the device, as the driver does.
cudaError_t wait_all(Call& call, int device) {
  ++call.state.counters.host_waits;
  call.state.engine.wait_device(call.lock, device);
  return call.status();
}

}  // namespace

cudaError_t cudaMalloc(void** pointer, std::size_t bytes) {
  return api_call([&](Call& call) {
    if (pointer == nullptr) return cudaErrorInvalidValue;
    *pointer = nullptr;
    if (bytes == 0) return cudaSuccess;
    *pointer = call.state.memory.allocate(bytes, call.device);
    return *pointer == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
  });
}

cudaError_t cudaFree(void* pointer) {
  return api_call([&](Call& call) {
    if (pointer == nullptr) return cudaSuccess;
    const auto* allocation = call.state.memory.starting_at(pointer);
    if (allocation == nullptr || allocation->for_nccl) return cudaErrorInvalidValue;
    if (const cudaError_t error = wait_all(call, allocation->device); error != cudaSuccess)
      return error;
    // Another thread may have come first while the lock was given away.
    auto* still_there = call.state.memory.starting_at(pointer);
    if (still_there == nullptr) return cudaErrorInvalidValue;
    call.state.memory.release(*still_there);
    return cudaSuccess;
  });
}

cudaError_t cudaMallocAsync(void** pointer, std::size_t bytes, cudaStream_t stream) {
  return api_call([&](Call& call) {
    const auto owner = call.state.stream(stream, call.device);
    if (pointer == nullptr) return cudaErrorInvalidValue;
    if (owner == nullptr) return cudaErrorInvalidResourceHandle;
    *pointer = nullptr;
    if (bytes == 0) return cudaSuccess;
    *pointer = call.state.memory.allocate(bytes, owner->device);
    auto& kept = call.state.pool_bytes_kept[owner->device];
    if (*pointer != nullptr) kept -= std::min(kept, bytes);
    return *pointer == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
  });
}

// The memory goes when the stream comes to this place, so a later use by another stream is a fault.
cudaError_t cudaFreeAsync(void* pointer, cudaStream_t stream) {
  return api_call([&](Call& call) {
    const auto owner = call.state.stream(stream, call.device);
    if (owner == nullptr) return cudaErrorInvalidResourceHandle;
    if (pointer == nullptr) return cudaSuccess;
    const auto* freed = call.state.memory.starting_at(pointer);
    if (freed == nullptr || freed->for_nccl) return cudaErrorInvalidValue;
    auto free = [&memory = call.state.memory, &kept = call.state.pool_bytes_kept,
                 pointer]() -> cuda_emulation::MaybeFault {
      auto* allocation = memory.starting_at(pointer);
      if (allocation == nullptr) {
        return cuda_emulation::Fault{cudaErrorIllegalAddress,
                                     "cudaFreeAsync of memory freed before"};
      }
      kept[allocation->device] += allocation->bytes;
      memory.release(*allocation);
      return {};
    };
    call.state.enqueue(owner, {std::move(free), {}, {}});
    return cudaSuccess;
  });
}

// Only a name for the device: there is one pool each.
cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int device) {
  return api_call([&](Call& call) {
    if (pool == nullptr) return cudaErrorInvalidValue;
    if (device < 0 || static_cast<std::size_t>(device) >= call.state.devices.size()) {
      return cudaErrorInvalidDevice;
    }
    *pool = reinterpret_cast<cudaMemPool_t>(static_cast<std::uintptr_t>(device) + 1);
    return cudaSuccess;
  });
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  return api_call([&](Call& call) {
    const auto number = reinterpret_cast<std::uintptr_t>(pool);
    const bool known = number >= 1 && number <= call.state.devices.size();
    const bool fine = known && attribute == cudaMemPoolAttrReleaseThreshold && value != nullptr;
    return fine ? cudaSuccess : cudaErrorInvalidValue;
  });
}

cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, std::size_t bytes_kept) {
  return api_call([&](Call& call) {
    const auto number = reinterpret_cast<std::uintptr_t>(pool);
    if (number < 1 || number > call.state.devices.size()) return cudaErrorInvalidValue;
    auto& kept = call.state.pool_bytes_kept[static_cast<int>(number) - 1];
    kept = std::min(kept, bytes_kept);
    return cudaSuccess;
  });
}

cudaError_t cudaHostAlloc(void** pointer, std::size_t bytes, unsigned int /*flags*/) {
  return api_call([&](Call& call) {
    if (pointer == nullptr) return cudaErrorInvalidValue;
    *pointer = nullptr;
    if (bytes == 0) return cudaSuccess;
    *pointer = call.state.pinned.allocate(bytes);
    ++call.state.counters.pinned_allocations;
    return *pointer == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
  });
}

cudaError_t cudaMallocHost(void** pointer, std::size_t bytes, unsigned int flags) {
  return cudaHostAlloc(pointer, bytes, flags);
}

cudaError_t cudaFreeHost(void* pointer) {
  return api_call([&](Call& call) {
    if (pointer == nullptr) return cudaSuccess;
    if (const cudaError_t error = wait_all(call, call.device); error != cudaSuccess) return error;
    return call.state.pinned.release(pointer) ? cudaSuccess : cudaErrorInvalidValue;
  });
}

cudaError_t cudaHostGetDevicePointer(void** device, void* host, unsigned int flags) {
  return api_call([&](Call& call) {
    if (device == nullptr || flags != 0 || !call.state.pinned.holds(host)) {
      return cudaErrorInvalidValue;
    }
    *device = host;  // unified addressing
    return cudaSuccess;
  });
}

cudaError_t cudaHostRegister(void* pointer, std::size_t bytes, unsigned int /*flags*/) {
  return api_call([&](Call& call) {
    if (pointer == nullptr || bytes == 0) return cudaErrorInvalidValue;
    return call.state.pinned.add(pointer, bytes) ? cudaSuccess
                                                 : cudaErrorHostMemoryAlreadyRegistered;
  });
}

cudaError_t cudaHostUnregister(void* pointer) {
  return api_call([&](Call& call) {
    if (const cudaError_t error = wait_all(call, call.device); error != cudaSuccess) return error;
    return call.state.pinned.remove(pointer) ? cudaSuccess : cudaErrorHostMemoryNotRegistered;
  });
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
  return api_call([&](Call& call) {
    if (attributes == nullptr) return cudaErrorInvalidValue;
    auto* address = const_cast<void*>(pointer);
    if (const auto* allocation = call.state.memory.find(pointer); allocation != nullptr) {
      *attributes = {cudaMemoryTypeDevice, allocation->device, address, nullptr};
    } else if (call.state.pinned.holds(pointer)) {
      *attributes = {cudaMemoryTypeHost, call.device, address, address};
    } else {
      *attributes = {cudaMemoryTypeUnregistered, -2, nullptr, address};
    }
    return cudaSuccess;
  });
}

cudaError_t cudaMemGetInfo(std::size_t* free_bytes, std::size_t* total_bytes) {
  return api_call([&](Call& call) {
    if (free_bytes == nullptr || total_bytes == nullptr) return cudaErrorInvalidValue;
    *total_bytes = call.state.memory.limit();
    *free_bytes = *total_bytes - call.state.memory.in_use();
    return cudaSuccess;
  });
}
