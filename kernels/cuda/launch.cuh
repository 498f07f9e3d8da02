// kernels/cuda/launch.cuh -- the one way a kernel is started: cudaLaunchKernelEx, no <<<>>>, so
// that nvcc and the emulation of the tests (plain C++) compile the same lines. Not for host files:
// only .cu files include it. Thread safety: as the stream's.
#pragma once

#include <cuda_runtime.h>

namespace switchyard::kernels::cuda {

// Queues `kernel` on `stream`. A grid without blocks is not launched.
template <class... Parameters, class... Arguments>
cudaError_t launch(void (*kernel)(Parameters...), dim3 grid, unsigned int threads,
                   cudaStream_t stream, const Arguments&... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return cudaSuccess;
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = dim3(threads);
  config.stream = stream;
  return cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...);
}

}  // namespace switchyard::kernels::cuda
