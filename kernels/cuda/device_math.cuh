// kernels/cuda/device_math.cuh -- what kernels share: conversions, exp, 16-byte chunks of operands,
// sums over a warp in one fixed order. Device code only.
// Where kernels/ref multiplies and adds in two roundings, so does this (nvcc runs with
// -fmad=false); fused operations are written out. Thread safety: pure device functions.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "runtime/base/dtype.h"

namespace switchyard::kernels::cuda {

inline constexpr unsigned int kWarp = 32;
inline constexpr unsigned int kAllLanes = 0xFFFFFFFFU;
inline constexpr std::size_t kChunkBytes = 16;  // the widest load of a thread

__device__ __forceinline__ float from_bf16(std::uint32_t bits) {
  return __uint_as_float(bits << 16);
}

// Round to nearest, ties to even; a NaN stays a (quiet) NaN: switchyard::to_bf16.
__device__ __forceinline__ std::uint16_t bits_of_bf16(float value) {
  const std::uint32_t bits = __float_as_uint(value);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) {
    return static_cast<std::uint16_t>((bits >> 16) | 0x0040U);
  }
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

// Element i behind `base`, widened.
__device__ __forceinline__ float load_element(const std::byte* base, DType dtype, std::size_t i) {
  if (dtype == DType::kF32) return reinterpret_cast<const float*>(base)[i];
  const std::uint16_t bits = reinterpret_cast<const std::uint16_t*>(base)[i];
  if (dtype == DType::kBf16) return from_bf16(bits);
  return to_float(Fp16{bits});
}

__device__ __forceinline__ void store_element(std::byte* base, DType dtype, std::size_t i,
                                              float value) {
  if (dtype == DType::kF32) {
    reinterpret_cast<float*>(base)[i] = value;
  } else {
    reinterpret_cast<std::uint16_t*>(base)[i] = bits_of_bf16(value);
  }
}

// The exp of kernels/simd/exp.h on the scalar lanes of kernels/ref, operation by operation.
__device__ __forceinline__ float exp_as_ref(float x) {
  x = fminf(fmaxf(x, -86.0F), 88.0F);
  const float n = rintf(x * 1.44269504F);
  float r = x - n * 0.693145751953125F;
  r = r - n * 1.42860677e-6F;
  float p = 1.0F / 5040.0F;
  p = p * r + 1.0F / 720.0F;
  p = p * r + 1.0F / 120.0F;
  p = p * r + 1.0F / 24.0F;
  p = p * r + 1.0F / 6.0F;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  return p * __uint_as_float(static_cast<std::uint32_t>(static_cast<int>(n) + 127) << 23);
}

__device__ __forceinline__ float silu_as_ref(float x) { return x / (1.0F + exp_as_ref(0.0F - x)); }

// Every lane's value summed as a tree over lane bits 4, 3, 2, 1, 0; all lanes get the sum.
__device__ __forceinline__ float warp_sum(float value) {
#pragma unroll
  for (int mask = 16; mask > 0; mask /= 2) value += __shfl_xor_sync(kAllLanes, value, mask);
  return value;
}

__device__ __forceinline__ float warp_max(float value) {
#pragma unroll
  for (int mask = 16; mask > 0; mask /= 2) {
    value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, mask));
  }
  return value;
}

// The operand types: fp32 and bf16 (as its bits). A chunk is what one 16-byte load brings.
struct OperandF32 {
  static constexpr DType kDType = DType::kF32;
  static constexpr int kChunk = 4;
  static __device__ __forceinline__ float load(const std::byte* base, std::size_t i) {
    return reinterpret_cast<const float*>(base)[i];
  }
  static __device__ __forceinline__ void load_chunk(const std::byte* at, float* to) {
    const float4 four = *reinterpret_cast<const float4*>(at);
    to[0] = four.x;
    to[1] = four.y;
    to[2] = four.z;
    to[3] = four.w;
  }
  static __device__ __forceinline__ float round(float value) { return value; }
  static __device__ __forceinline__ void store(std::byte* base, std::size_t i, float value) {
    reinterpret_cast<float*>(base)[i] = value;
  }
  // sum + x * y in two roundings, as kernels/ref.
  static __device__ __forceinline__ float add_product(float x, float y, float sum) {
    return __fadd_rn(sum, __fmul_rn(x, y));
  }
};

struct OperandBf16 {
  static constexpr DType kDType = DType::kBf16;
  static constexpr int kChunk = 8;
  static __device__ __forceinline__ float load(const std::byte* base, std::size_t i) {
    return from_bf16(reinterpret_cast<const std::uint16_t*>(base)[i]);
  }
  static __device__ __forceinline__ void load_chunk(const std::byte* at, float* to) {
    const uint4 words = *reinterpret_cast<const uint4*>(at);
    const std::uint32_t word[4] = {words.x, words.y, words.z, words.w};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      to[2 * i] = __uint_as_float(word[i] << 16);
      to[2 * i + 1] = __uint_as_float(word[i] & 0xFFFF0000U);
    }
  }
  static __device__ __forceinline__ float round(float value) {
    return from_bf16(bits_of_bf16(value));
  }
  static __device__ __forceinline__ void store(std::byte* base, std::size_t i, float value) {
    reinterpret_cast<std::uint16_t*>(base)[i] = bits_of_bf16(value);
  }
  // A product of two bf16 is exact in fp32, so that fused and unfused give the same bits.
  static __device__ __forceinline__ float add_product(float x, float y, float sum) {
    return __fmaf_rn(x, y, sum);
  }
};

// Chunk `chunk` of a row of `in` elements at any alignment; zeros behind the row's end.
template <class Operand>
__device__ __forceinline__ void load_row_chunk(const std::byte* row, std::size_t chunk,
                                               std::size_t in, bool aligned, float* to) {
  const std::size_t first = chunk * Operand::kChunk;
  if (aligned && first + Operand::kChunk <= in) {
    Operand::load_chunk(row + chunk * kChunkBytes, to);
    return;
  }
#pragma unroll
  for (int i = 0; i < Operand::kChunk; ++i) {
    to[i] = first + i < in ? Operand::load(row, first + i) : 0.0F;
  }
}

}  // namespace switchyard::kernels::cuda
