// kernels/cuda/launch.cuh -- the one way a kernel is started: cudaLaunchKernelEx, no <<<>>>, so
// that nvcc and the emulation of the tests (plain C++) compile the same lines. Not for host files:
// only .cu files include it. Thread safety: as the stream's.
#pragma once

#include <cuda_runtime.h>

namespace switchyard::kernels::cuda {

// Queues `kernel` on `stream`, with so much shared memory of a block that only its launch knows of:
// the kernel's `extern __shared__ dynamic_shared_memory[]`. A grid without blocks is not launched.
template <class... Parameters, class... Arguments>
cudaError_t launch_with_shared(void (*kernel)(Parameters...), dim3 grid, unsigned int threads,
                               std::size_t shared_bytes, cudaStream_t stream,
                               const Arguments&... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return cudaSuccess;
  if (shared_bytes != 0) {
    // Of this GPU; another thread's may be another one.
    const cudaError_t allowed = cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                                     cudaFuncAttributeMaxDynamicSharedMemorySize,
                                                     static_cast<int>(shared_bytes));
    if (allowed != cudaSuccess) return allowed;
  }
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = dim3(threads);
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;
  return cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...);
}

// The same for kernels without such memory.
template <class... Parameters, class... Arguments>
cudaError_t launch(void (*kernel)(Parameters...), dim3 grid, unsigned int threads,
                   cudaStream_t stream, const Arguments&... arguments) {
  return launch_with_shared(kernel, grid, threads, 0, stream, arguments...);
}

}  // namespace switchyard::kernels::cuda
