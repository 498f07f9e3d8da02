// tests/gpu/peak.h -- the ceilings that measured kernels are held against: tensor-core steps from
// registers alone, and a plain copy in device memory. Thread safety: as the stream's.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

namespace switchyard::gpu_measure {

// Queues `blocks` blocks of four warps of `steps` steps each, 4096 flops a step and warp. sink:
// [1].
[[nodiscard]] cudaError_t launch_tensor_peak(cudaStream_t stream, unsigned int blocks,
                                             unsigned int steps, float* sink);

}  // namespace switchyard::gpu_measure
