// tests/cuda_emulation/device/collectives.h -- what threads do together: barriers, shuffles, votes.
// Every one is a point where the engine may run other threads. Each remembers where it was called
// from, so that a barrier which some threads miss, or a mask with lanes that never come, is
// reported by file and line. A warp collective completes when every lane of its mask has called the
// same one with the same mask.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tests/cuda_emulation/device/here.h"
#include "tests/cuda_emulation/device/qualifiers.h"
#include "tests/cuda_emulation/device/where.h"

namespace cuda_emulation {

enum class WarpOp : std::uint8_t {
  kSync,
  kIndex,
  kUp,
  kDown,
  kXor,
  kBallot,
  kAny,
  kAll,
  kAdd,
  kMin,
  kMax,
};
enum class BlockOp : std::uint8_t { kSync, kCount, kAnd, kOr };

int barrier(BlockOp op, int predicate, Where where);
// value, and what is answered: the bits of one scalar. operand: source lane, delta or mask of kXor.
std::uint64_t exchange(WarpOp op, std::uint32_t mask, std::uint64_t value, int operand, int width,
                       Where where);
std::uint32_t lane_bit();
// A point where a random schedule may switch to another thread (atomics, fences).
void may_switch();
[[noreturn]] void trap(Where where);

template <typename T>
T exchange_as(WarpOp op, std::uint32_t mask, T value, int operand, int width, Where where) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(std::uint64_t));
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = exchange(op, mask, bits, operand, width, where);
  std::memcpy(static_cast<void*>(&value), &bits, sizeof(T));
  return value;
}

}  // namespace cuda_emulation

#define CUDA_EMULATION_WHERE ::cuda_emulation::Where where = ::cuda_emulation::Where::current()

inline void __syncthreads(CUDA_EMULATION_WHERE) {
  cuda_emulation::barrier(cuda_emulation::BlockOp::kSync, 0, where);
}
inline int __syncthreads_count(int predicate, CUDA_EMULATION_WHERE) {
  return cuda_emulation::barrier(cuda_emulation::BlockOp::kCount, predicate, where);
}
inline int __syncthreads_and(int predicate, CUDA_EMULATION_WHERE) {
  return cuda_emulation::barrier(cuda_emulation::BlockOp::kAnd, predicate, where);
}
inline int __syncthreads_or(int predicate, CUDA_EMULATION_WHERE) {
  return cuda_emulation::barrier(cuda_emulation::BlockOp::kOr, predicate, where);
}
inline void __syncwarp(unsigned int mask = 0xffffffffU, CUDA_EMULATION_WHERE) {
  cuda_emulation::exchange(cuda_emulation::WarpOp::kSync, mask, 0, 0, warpSize, where);
}

template <typename T>
T __shfl_sync(unsigned int mask, T value, int source, int width = warpSize, CUDA_EMULATION_WHERE) {
  return cuda_emulation::exchange_as(cuda_emulation::WarpOp::kIndex, mask, value, source, width,
                                     where);
}
template <typename T>
T __shfl_up_sync(unsigned int mask, T value, unsigned int delta, int width = warpSize,
                 CUDA_EMULATION_WHERE) {
  return cuda_emulation::exchange_as(cuda_emulation::WarpOp::kUp, mask, value,
                                     static_cast<int>(delta), width, where);
}
template <typename T>
T __shfl_down_sync(unsigned int mask, T value, unsigned int delta, int width = warpSize,
                   CUDA_EMULATION_WHERE) {
  return cuda_emulation::exchange_as(cuda_emulation::WarpOp::kDown, mask, value,
                                     static_cast<int>(delta), width, where);
}
template <typename T>
T __shfl_xor_sync(unsigned int mask, T value, int lane_mask, int width = warpSize,
                  CUDA_EMULATION_WHERE) {
  return cuda_emulation::exchange_as(cuda_emulation::WarpOp::kXor, mask, value, lane_mask, width,
                                     where);
}

inline unsigned int __ballot_sync(unsigned int mask, int predicate, CUDA_EMULATION_WHERE) {
  return static_cast<unsigned int>(cuda_emulation::exchange(
      cuda_emulation::WarpOp::kBallot, mask, predicate != 0 ? 1 : 0, 0, warpSize, where));
}
inline int __any_sync(unsigned int mask, int predicate, CUDA_EMULATION_WHERE) {
  return static_cast<int>(cuda_emulation::exchange(cuda_emulation::WarpOp::kAny, mask,
                                                   predicate != 0 ? 1 : 0, 0, warpSize, where));
}
inline int __all_sync(unsigned int mask, int predicate, CUDA_EMULATION_WHERE) {
  return static_cast<int>(cuda_emulation::exchange(cuda_emulation::WarpOp::kAll, mask,
                                                   predicate != 0 ? 1 : 0, 0, warpSize, where));
}
// Sums and extremes of unsigned 32-bit values over the lanes of mask.
inline unsigned int __reduce_add_sync(unsigned int mask, unsigned int value, CUDA_EMULATION_WHERE) {
  return cuda_emulation::exchange_as(cuda_emulation::WarpOp::kAdd, mask, value, 0, warpSize, where);
}
inline unsigned int __reduce_min_sync(unsigned int mask, unsigned int value, CUDA_EMULATION_WHERE) {
  return cuda_emulation::exchange_as(cuda_emulation::WarpOp::kMin, mask, value, 0, warpSize, where);
}
inline unsigned int __reduce_max_sync(unsigned int mask, unsigned int value, CUDA_EMULATION_WHERE) {
  return cuda_emulation::exchange_as(cuda_emulation::WarpOp::kMax, mask, value, 0, warpSize, where);
}
// The lanes that happen to run together. The caller alone is always a right answer, and the one
// that breaks code which hopes for more.
inline unsigned int __activemask() { return cuda_emulation::lane_bit(); }

inline void __threadfence() { cuda_emulation::may_switch(); }
inline void __threadfence_block() { cuda_emulation::may_switch(); }
inline void __threadfence_system() { cuda_emulation::may_switch(); }
[[noreturn]] inline void __trap(CUDA_EMULATION_WHERE) { cuda_emulation::trap(where); }
#undef CUDA_EMULATION_WHERE
