// Devices and versions: one H100 as the programming guide describes it, as often as asked for.
#include "tests/cuda_emulation/api/device.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

#include "tests/cuda_emulation/runtime/shared_memory.h"
#include "tests/cuda_emulation/runtime/state.h"

namespace {

using cuda_emulation::api_call;
using cuda_emulation::Call;

bool known(const Call& call, int device) {
  return device >= 0 && device < static_cast<int>(call.state.devices.size());
}

cudaDeviceProp properties_of(int device, const cuda_emulation::State& state) {
  cudaDeviceProp properties{};
  std::snprintf(properties.name, sizeof(properties.name), "Emulated device (CPU)");
  std::memset(properties.uuid.bytes, 0xe0 + device, sizeof(properties.uuid.bytes));
  properties.totalGlobalMem = state.memory.limit();
  properties.sharedMemPerBlock = cuda_emulation::kSharedBytesDefault;
  properties.regsPerBlock = 65536;
  properties.warpSize = 32;
  properties.maxThreadsPerBlock = 1024;
  std::ranges::copy(std::array{1024, 1024, 64}, properties.maxThreadsDim);
  std::ranges::copy(std::array{2147483647, 65535, 65535}, properties.maxGridSize);
  properties.totalConstMem = 65536;
  properties.major = 9;
  properties.minor = 0;
  properties.multiProcessorCount = state.processors;
  properties.canMapHostMemory = 1;
  properties.concurrentKernels = 1;
  properties.ECCEnabled = 1;
  properties.pciBusID = device + 1;
  properties.asyncEngineCount = 3;
  properties.unifiedAddressing = 1;
  properties.memoryBusWidth = 5120;
  properties.l2CacheSize = 50 * 1024 * 1024;
  properties.maxThreadsPerMultiProcessor = 2048;
  properties.sharedMemPerMultiprocessor = 228 * 1024;
  properties.regsPerMultiprocessor = 65536;
  properties.sharedMemPerBlockOptin = cuda_emulation::kSharedBytesMax;
  properties.maxBlocksPerMultiProcessor = 32;
  properties.reservedSharedMemPerBlock = 1024;
  return properties;
}

// -1: no such attribute.
int attribute_of(cudaDeviceAttr attribute, const cudaDeviceProp& properties) {
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock: return properties.maxThreadsPerBlock;
    case cudaDevAttrMaxSharedMemoryPerBlock: return static_cast<int>(properties.sharedMemPerBlock);
    case cudaDevAttrWarpSize: return properties.warpSize;
    case cudaDevAttrMaxRegistersPerBlock: return properties.regsPerBlock;
    case cudaDevAttrClockRate: return 1980000;        // kHz
    case cudaDevAttrMemoryClockRate: return 2619000;  // kHz
    case cudaDevAttrMultiProcessorCount: return properties.multiProcessorCount;
    case cudaDevAttrCanMapHostMemory: return properties.canMapHostMemory;
    case cudaDevAttrConcurrentKernels: return properties.concurrentKernels;
    case cudaDevAttrGlobalMemoryBusWidth: return properties.memoryBusWidth;
    case cudaDevAttrL2CacheSize: return properties.l2CacheSize;
    case cudaDevAttrMaxThreadsPerMultiProcessor: return properties.maxThreadsPerMultiProcessor;
    case cudaDevAttrAsyncEngineCount: return properties.asyncEngineCount;
    case cudaDevAttrUnifiedAddressing: return properties.unifiedAddressing;
    case cudaDevAttrComputeCapabilityMajor: return properties.major;
    case cudaDevAttrComputeCapabilityMinor: return properties.minor;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      return static_cast<int>(properties.sharedMemPerMultiprocessor);
    case cudaDevAttrMaxRegistersPerMultiprocessor: return properties.regsPerMultiprocessor;
    case cudaDevAttrCooperativeLaunch: return properties.cooperativeLaunch;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      return static_cast<int>(properties.sharedMemPerBlockOptin);
    case cudaDevAttrMaxBlocksPerMultiprocessor: return properties.maxBlocksPerMultiProcessor;
    case cudaDevAttrReservedSharedMemoryPerBlock:
      return static_cast<int>(properties.reservedSharedMemPerBlock);
    case cudaDevAttrMemoryPoolsSupported: return 1;
  }
  return -1;
}

}  // namespace

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 0;
  return api_call([&](Call& call) {
    *count = static_cast<int>(call.state.devices.size());
    return cudaSuccess;
  });
}

cudaError_t cudaSetDevice(int device) {
  return api_call([&](Call& call) {
    if (!known(call, device)) return cudaErrorInvalidDevice;
    cuda_emulation::current_device() = device;
    return cudaSuccess;
  });
}

cudaError_t cudaGetDevice(int* device) {
  return api_call([&](Call& call) {
    *device = call.device;
    return cudaSuccess;
  });
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  return api_call([&](Call& call) {
    if (!known(call, device)) return cudaErrorInvalidDevice;
    *properties = properties_of(device, call.state);
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  return api_call([&](Call& call) {
    if (!known(call, device)) return cudaErrorInvalidDevice;
    *value = attribute_of(attribute, properties_of(device, call.state));
    return *value < 0 ? cudaErrorInvalidValue : cudaSuccess;
  });
}

cudaError_t cudaDeviceGetPCIBusId(char* text, int length, int device) {
  return api_call([&](Call& call) {
    if (!known(call, device)) return cudaErrorInvalidDevice;
    if (text == nullptr || length < 13) return cudaErrorInvalidValue;
    std::snprintf(text, static_cast<std::size_t>(length), "0000:%02X:00.0", device + 1);
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  return api_call([&](Call&) {
    if (least != nullptr) *least = 0;
    if (greatest != nullptr) *greatest = -5;
    return cudaSuccess;
  });
}

cudaError_t cudaSetDeviceFlags(unsigned int /*flags*/) {
  return api_call([](Call&) { return cudaSuccess; });
}

cudaError_t cudaDeviceSynchronize() {
  return api_call([](Call& call) {
    ++call.state.counters.host_waits;
    call.state.engine.wait_device(call.lock, call.device);
    return call.status();
  });
}

// The one call that a failed device still obeys.
cudaError_t cudaDeviceReset() {
  cuda_emulation::State& all = cuda_emulation::state();
  const cuda_emulation::Engine::Lock lock(all.mutex);
  if (all.devices.empty()) return cudaErrorNoDevice;
  all.clear_device(all.device_of_thread());
  cuda_emulation::last_error() = cudaSuccess;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
