// tests/cuda_emulation/device/atomics.h -- read-modify-write on global and shared memory.
// The threads of an emulated device are fibers of one host thread, so plain accesses are atomic;
// in a random schedule other threads may run before and after.
#pragma once

#include "tests/cuda_emulation/device/collectives.h"

namespace cuda_emulation {

// Stores change(old) at address; returns old.
template <typename T, typename Change>
T read_modify_write(T* address, Change change) {
  may_switch();
  const T old = *static_cast<volatile T*>(address);
  *static_cast<volatile T*>(address) = change(old);
  return old;
}

}  // namespace cuda_emulation

#define CUDA_EMULATION_ATOMIC(name, T, expression)                                                 \
  inline T name(T* address, T value) {                                                             \
    return cuda_emulation::read_modify_write(address, [value](T old) -> T { return expression; }); \
  }
#define CUDA_EMULATION_ATOMIC_ADD(T) CUDA_EMULATION_ATOMIC(atomicAdd, T, old + value)
#define CUDA_EMULATION_ATOMIC_EXCH(T) \
  CUDA_EMULATION_ATOMIC(atomicExch, T, (static_cast<void>(old), value))
#define CUDA_EMULATION_ATOMIC_INTEGER(T)                                     \
  CUDA_EMULATION_ATOMIC(atomicMax, T, old < value ? value : old)             \
  CUDA_EMULATION_ATOMIC(atomicMin, T, value < old ? value : old)             \
  CUDA_EMULATION_ATOMIC(atomicAnd, T, old& value)                            \
  CUDA_EMULATION_ATOMIC(atomicOr, T, old | value)                            \
  CUDA_EMULATION_ATOMIC(atomicXor, T, old ^ value)                           \
  inline T atomicCAS(T* address, T expected, T value) {                      \
    return cuda_emulation::read_modify_write(                                \
        address, [=](T old) -> T { return old == expected ? value : old; }); \
  }

// Signed sums wrap on the device; unsigned arithmetic says so without overflow.
inline int atomicAdd(int* address, int value) {
  return cuda_emulation::read_modify_write(address, [value](int old) {
    return static_cast<int>(static_cast<unsigned int>(old) + static_cast<unsigned int>(value));
  });
}
inline int atomicSub(int* address, int value) {
  return cuda_emulation::read_modify_write(address, [value](int old) {
    return static_cast<int>(static_cast<unsigned int>(old) - static_cast<unsigned int>(value));
  });
}
CUDA_EMULATION_ATOMIC_ADD(unsigned int)
CUDA_EMULATION_ATOMIC_ADD(unsigned long long)
CUDA_EMULATION_ATOMIC_ADD(float)
CUDA_EMULATION_ATOMIC_ADD(double)
CUDA_EMULATION_ATOMIC(atomicSub, unsigned int, old - value)
CUDA_EMULATION_ATOMIC_EXCH(int)
CUDA_EMULATION_ATOMIC_EXCH(unsigned int)
CUDA_EMULATION_ATOMIC_EXCH(unsigned long long)
CUDA_EMULATION_ATOMIC_EXCH(float)
CUDA_EMULATION_ATOMIC_INTEGER(int)
CUDA_EMULATION_ATOMIC_INTEGER(unsigned int)
CUDA_EMULATION_ATOMIC_INTEGER(unsigned long long)
#undef CUDA_EMULATION_ATOMIC_INTEGER
#undef CUDA_EMULATION_ATOMIC_EXCH
#undef CUDA_EMULATION_ATOMIC_ADD
#undef CUDA_EMULATION_ATOMIC
