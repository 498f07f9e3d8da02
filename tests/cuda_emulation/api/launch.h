// tests/cuda_emulation/api/launch.h -- kernel launches: cudaLaunchKernelEx and its kin.
// A launch copies its arguments and queues; the kernel runs when the stream does. There is no
// <<<>>>: it is not C++. Limits are checked as the driver does, 48 KiB of dynamic shared memory
// until cudaFuncSetAttribute allows more.
#pragma once

#include <cstddef>
#include <functional>
#include <tuple>
#include <utility>

#include "tests/cuda_emulation/api/errors.h"
#include "tests/cuda_emulation/api/streams.h"
#include "tests/cuda_emulation/device/vector_types.h"

enum cudaLaunchAttributeID {
  cudaLaunchAttributeIgnore = 0,
  cudaLaunchAttributeCooperative = 2,
  cudaLaunchAttributeClusterDimension = 4,
  cudaLaunchAttributeProgrammaticStreamSerialization = 6,
  cudaLaunchAttributePriority = 8,
};

union cudaLaunchAttributeValue {
  char pad[64];
  int cooperative;
  struct {
    unsigned int x, y, z;
  } clusterDim;
  int programmaticStreamSerializationAllowed;
  int priority;
};

struct cudaLaunchAttribute {
  cudaLaunchAttributeID id;
  cudaLaunchAttributeValue val;
};

struct cudaLaunchConfig_t {
  dim3 gridDim;
  dim3 blockDim;
  std::size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
  cudaLaunchAttribute* attrs = nullptr;
  unsigned int numAttrs = 0;
};

enum cudaFuncAttribute {
  cudaFuncAttributeMaxDynamicSharedMemorySize = 8,
  cudaFuncAttributePreferredSharedMemoryCarveout = 9,
};

struct cudaFuncAttributes {
  std::size_t sharedSizeBytes;
  std::size_t constSizeBytes;
  std::size_t localSizeBytes;
  int maxThreadsPerBlock;
  int numRegs;
  int ptxVersion;
  int binaryVersion;
  int cacheModeCA;
  int maxDynamicSharedSizeBytes;
  int preferredShmemCarveout;
};

namespace cuda_emulation {
using KernelBody = std::function<void()>;  // the kernel with its arguments bound, for one thread
cudaError_t launch(const cudaLaunchConfig_t& config, const void* kernel, KernelBody body);
cudaError_t set_function_attribute(const void* kernel, cudaFuncAttribute attribute, int value);
cudaError_t function_attributes(cudaFuncAttributes* attributes, const void* kernel);
cudaError_t occupancy_blocks(int* blocks, const void* kernel, int block_threads,
                             std::size_t dynamic_bytes);
}  // namespace cuda_emulation

template <typename... Parameters, typename... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  std::tuple<Parameters...> bound(std::forward<Arguments>(arguments)...);
  return cuda_emulation::launch(*config, reinterpret_cast<const void*>(kernel),
                                [kernel, bound] { std::apply(kernel, bound); });
}

// `arguments[i]` points to the i-th argument, which is copied here.
template <typename... Parameters>
cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                                void** arguments) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return cudaLaunchKernelEx(config, kernel, *static_cast<Parameters*>(arguments[I])...);
  }
  (std::index_sequence_for<Parameters...>{});
}

template <typename... Parameters>
cudaError_t cudaLaunchKernel(void (*kernel)(Parameters...), dim3 grid, dim3 block, void** arguments,
                             std::size_t dynamic_bytes = 0, cudaStream_t stream = nullptr) {
  const cudaLaunchConfig_t config{grid, block, dynamic_bytes, stream, nullptr, 0};
  return cudaLaunchKernelExC(&config, kernel, arguments);
}

template <typename Function>
cudaError_t cudaFuncSetAttribute(Function* kernel, cudaFuncAttribute attribute, int value) {
  return cuda_emulation::set_function_attribute(reinterpret_cast<const void*>(kernel), attribute,
                                                value);
}

template <typename Function>
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, Function* kernel) {
  return cuda_emulation::function_attributes(attributes, reinterpret_cast<const void*>(kernel));
}

template <typename Function>
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, Function* kernel,
                                                          int block_threads,
                                                          std::size_t dynamic_bytes) {
  return cuda_emulation::occupancy_blocks(blocks, reinterpret_cast<const void*>(kernel),
                                          block_threads, dynamic_bytes);
}
