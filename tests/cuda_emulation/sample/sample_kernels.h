// tests/cuda_emulation/sample/sample_kernels.h -- kernels of the emulation's own tests, right and
// wrong ones. They are CUDA C++ (sample_kernels.cu), compiled as kernels/cuda is for tests.
#pragma once

#include <cuda_runtime.h>

namespace cuda_emulation::sample {

// out[b] = sum of x over the elements of block b's grid-stride share. Shuffles, then shared memory.
__global__ void block_sum(const float* x, int count, float* out);
// Reverses each block's `blockDim.x` values by way of dynamic shared memory.
__global__ void reverse_blocks(int* values);
__global__ void scale(float* values, int count, float factor);
__global__ void add_one(int* values, int count);
// histogram[value % bins] += 1 by atomics.
__global__ void count_values(const unsigned int* values, int count, unsigned int* histogram,
                             int bins);
// out[lane] = what each shuffle answers, 6 answers per lane (see collectives_test.cpp).
__global__ void all_shuffles(int* out);
// Number of even threads, on every thread.
__global__ void count_even(int* out);
// out[0] = prefix sum order: the ticket that each thread drew from an atomic counter.
__global__ void draw_tickets(unsigned int* counter, unsigned int* ticket_of);
__global__ void who_am_i(uint3* thread, uint3* block);

// --- wrong ones ---
__global__ void skip_barrier(int* out);     // threads from 16 on end before it
__global__ void differ_barriers(int* out);  // two places, half of the threads at each
__global__ void miss_lanes(int* out);       // odd lanes are in the mask and never come
__global__ void read_outside_mask(int* out);
__global__ void mask_without_self(int* out);
__global__ void store_at(float* values, long index);
__global__ void load_at(const float* values, long index, float* out);
__global__ void load_misaligned(const char* bytes, float4* out);
__global__ void shared_index(int index, int* out);  // beyond a static array of 8
__global__ void overrun_dynamic(int index);
// A neighbour's value without a barrier: right in no schedule in particular.
__global__ void neighbour_without_barrier(const int* in, int* out);
// Adds without an atomic; other threads may run in between (a fence).
__global__ void lost_updates(int* counter);
__global__ void recurse(int* depth);
__global__ void trap_if(int* flag);

}  // namespace cuda_emulation::sample
