// tests/cuda_emulation/device/qualifiers.h -- the words of CUDA C++ that are not C++.
// __shared__ is thread_local, the one storage class that may follow `extern` (dynamic shared
// memory) and that makes a variable of a function static when it stands alone (static shared
// memory). The engine runs the threads of a block as fibers of one host thread and one block at a
// time, so a thread_local is exactly one block's memory; it keeps old values from block to block as
// the hardware does (nothing may rely on them).
#pragma once

#define __global__
#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __shared__ thread_local
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))
