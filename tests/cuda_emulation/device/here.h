// tests/cuda_emulation/device/here.h -- who runs: threadIdx, blockIdx, blockDim, gridDim, warpSize.
// Kept by the engine, per host thread, and renewed at every switch of fibers. Kernels only read
// them (the toolkit's are const; the engine could not write those).
#pragma once

#include "tests/cuda_emulation/device/vector_types.h"

extern constinit thread_local uint3 threadIdx;
extern constinit thread_local uint3 blockIdx;
extern constinit thread_local dim3 blockDim;
extern constinit thread_local dim3 gridDim;
inline constexpr int warpSize = 32;
