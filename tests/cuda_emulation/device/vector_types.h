// tests/cuda_emulation/device/vector_types.h -- dim3, int4, float4 and their kin, with the
// toolkit's sizes and alignments, and make_*.
#pragma once

struct uint3 {
  unsigned int x, y, z;
};

struct dim3 {
  unsigned int x, y, z;
  constexpr dim3(unsigned int x_ = 1, unsigned int y_ = 1, unsigned int z_ = 1)  // NOLINT
      : x(x_), y(y_), z(z_) {}
  constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}          // NOLINT
  constexpr operator uint3() const { return uint3{x, y, z}; }  // NOLINT
};

struct int3 {
  int x, y, z;
};
struct float3 {
  float x, y, z;
};

#define CUDA_EMULATION_VECTORS(name, scalar, align2, align4)              \
  struct alignas(align2) name##2 {                                        \
    scalar x, y;                                                          \
  };                                                                      \
  struct alignas(align4) name##4 {                                        \
    scalar x, y, z, w;                                                    \
  };                                                                      \
  constexpr name##2 make_##name##2(scalar x, scalar y) { return {x, y}; } \
  constexpr name##4 make_##name##4(scalar x, scalar y, scalar z, scalar w) { return {x, y, z, w}; }

CUDA_EMULATION_VECTORS(char, signed char, 2, 4)
CUDA_EMULATION_VECTORS(uchar, unsigned char, 2, 4)
CUDA_EMULATION_VECTORS(short, short, 4, 8)
CUDA_EMULATION_VECTORS(ushort, unsigned short, 4, 8)
CUDA_EMULATION_VECTORS(int, int, 8, 16)
CUDA_EMULATION_VECTORS(uint, unsigned int, 8, 16)
CUDA_EMULATION_VECTORS(float, float, 8, 16)
CUDA_EMULATION_VECTORS(longlong, long long, 16, 16)
CUDA_EMULATION_VECTORS(ulonglong, unsigned long long, 16, 16)
CUDA_EMULATION_VECTORS(double, double, 16, 16)
#undef CUDA_EMULATION_VECTORS

constexpr uint3 make_uint3(unsigned int x, unsigned int y, unsigned int z) { return {x, y, z}; }
constexpr int3 make_int3(int x, int y, int z) { return {x, y, z}; }
constexpr float3 make_float3(float x, float y, float z) { return {x, y, z}; }
