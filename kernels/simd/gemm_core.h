// kernels/simd/gemm_core.h -- the inner loop shared by the matmul and attention kernels: a tile of
// kRows x (kVecs * lanes) sums held in registers, walked once over the steps of a panel.
// A Core says how one step is multiplied: the plain ones live here, VDPBF16PS in avx512/.
// The order of additions into a sum is the order of the steps: tiles of any shape give equal bits.
#pragma once

#include <cstddef>

#include "kernels/ops/gemm.h"
#include "kernels/simd/static_for.h"

namespace switchyard::kernels {

// The sums of a tile.
template <class V, std::size_t kRows, std::size_t kVecs>
using Sums = typename V::F[kRows][kVecs];

// fp32 operands.
template <class Vec>
struct CoreF32 {
  using V = Vec;
  static constexpr bool kBf16 = false;
  static constexpr std::size_t kStepElements = 1;

  template <std::size_t kRows, std::size_t kVecs>
  static SY_INLINE void step(Sums<V, kRows, kVecs>& sum, const std::byte* const (&x)[kRows],
                             std::size_t x_offset, const std::byte* w) {
    typename V::F weight[kVecs];
    SY_UNROLL for (std::size_t v = 0; v < kVecs; ++v) {
      weight[v] = V::load(reinterpret_cast<const float*>(w) + v * V::kLanes);
    }
    SY_UNROLL for (std::size_t r = 0; r < kRows; ++r) {
      const typename V::F value = V::broadcast(x[r] + x_offset);
      SY_UNROLL for (std::size_t v = 0; v < kVecs; ++v) {
        sum[r][v] = V::fma(value, weight[v], sum[r][v]);
      }
    }
  }
};

// bf16 operands, widened to fp32: the even element of the pair, then the odd one.
template <class Vec>
struct CoreWideBf16 {
  using V = Vec;
  static constexpr bool kBf16 = true;
  static constexpr std::size_t kStepElements = 2;

  template <std::size_t kRows, std::size_t kVecs>
  static SY_INLINE void step(Sums<V, kRows, kVecs>& sum, const std::byte* const (&x)[kRows],
                             std::size_t x_offset, const std::byte* w) {
    typename V::I pairs[kVecs];
    typename V::F half[kVecs];
    SY_UNROLL for (std::size_t v = 0; v < kVecs; ++v) {
      pairs[v] = V::load_pairs(w + v * V::kLanes * kStepBytes);
      half[v] = V::low(pairs[v]);
    }
    SY_UNROLL for (std::size_t r = 0; r < kRows; ++r) {
      const typename V::F value = V::low(V::broadcast_pair(x[r] + x_offset));
      SY_UNROLL for (std::size_t v = 0; v < kVecs; ++v) {
        sum[r][v] = V::fma(value, half[v], sum[r][v]);
      }
    }
    SY_UNROLL for (std::size_t v = 0; v < kVecs; ++v) half[v] = V::high(pairs[v]);
    SY_UNROLL for (std::size_t r = 0; r < kRows; ++r) {
      const typename V::F value = V::high(V::broadcast_pair(x[r] + x_offset));
      SY_UNROLL for (std::size_t v = 0; v < kVecs; ++v) {
        sum[r][v] = V::fma(value, half[v], sum[r][v]);
      }
    }
  }
};

// Cache lines to bring into the second-level cache while a tile is computed: every kChunkSteps
// steps `lines` lines from `from`, which then moves on by `advance_bytes`.
struct Prefetch {
  const std::byte* from = nullptr;
  std::size_t lines = 0;
  std::size_t advance_bytes = 0;
};
inline constexpr std::size_t kChunkSteps = 16;  // of 64 columns: one page of 4 KiB
inline constexpr std::size_t kLineBytes = 64;

// A tile of products: `rows` pointers to x, rows of `in` elements of which nothing behind is read.
struct TileTask {
  const std::byte* const* x = nullptr;
  std::size_t in = 0;
  const std::byte* w = nullptr;
  std::size_t w_stride_bytes = 0;  // from step to step
  Prefetch prefetch;
  float* c = nullptr;  // [kRows][kVecs * lanes]
  std::size_t c_stride = 0;
};

enum class Start { kZero, kContinue /* from c */ };

// c = (0 or c) + x * w. The sums are a local array that only constant subscripts touch, and they
// leave through memory: gcc keeps them in registers only then (it stored them at every step
// otherwise).
template <class Core, std::size_t kRows, std::size_t kVecs, Start kStart>
SY_INLINE void multiply_tile(const TileTask& task) {
  using V = typename Core::V;
  Sums<V, kRows, kVecs> sum;
  const std::byte* x[kRows];
  SY_UNROLL for (std::size_t r = 0; r < kRows; ++r) {
    x[r] = task.x[r];
    SY_UNROLL for (std::size_t v = 0; v < kVecs; ++v) {
      sum[r][v] =
          kStart == Start::kZero ? V::zero() : V::load(task.c + r * task.c_stride + v * V::kLanes);
    }
  }
  const std::byte* w = task.w;
  const std::size_t stride = task.w_stride_bytes;
  const std::size_t steps = task.in / Core::kStepElements;
  const std::size_t chunked = steps / kChunkSteps * kChunkSteps;
  const std::byte* coming = task.prefetch.from;
  std::size_t s = 0;
  while (s < chunked) {
    for (std::size_t line = 0; line < task.prefetch.lines; ++line) {
      __builtin_prefetch(coming + line * kLineBytes, 0, 2);
    }
    coming += task.prefetch.advance_bytes;
    for (const std::size_t end = s + kChunkSteps; s < end; ++s, w += stride) {
      Core::template step<kRows, kVecs>(sum, x, s * kStepBytes, w);
    }
  }
  for (; s < steps; ++s, w += stride) {
    Core::template step<kRows, kVecs>(sum, x, s * kStepBytes, w);
  }
  if (steps * Core::kStepElements < task.in) {
    // An odd last bf16 is paired with zero.
    std::byte padded[kRows][kStepBytes] = {};
    const std::byte* last[kRows];
    SY_UNROLL for (std::size_t r = 0; r < kRows; ++r) {
      padded[r][0] = x[r][s * kStepBytes];
      padded[r][1] = x[r][s * kStepBytes + 1];
      last[r] = padded[r];
    }
    Core::template step<kRows, kVecs>(sum, last, 0, w);
  }
  SY_UNROLL for (std::size_t r = 0; r < kRows; ++r) {
    SY_UNROLL for (std::size_t v = 0; v < kVecs; ++v) {
      V::store(task.c + r * task.c_stride + v * V::kLanes, sum[r][v]);
    }
  }
}

// Tiles of every size up to kRowsMax x kVecsMax, by number.
template <class Core, std::size_t kRowsMax, std::size_t kVecsMax, Start kStart>
struct TileTable {
  using Call = void (*)(const TileTask& task);
  Call call[kRowsMax][kVecsMax];

  template <std::size_t kRows, std::size_t kVecs>
  static void run(const TileTask& task) {
    multiply_tile<Core, kRows, kVecs, kStart>(task);
  }
  template <std::size_t kAt = 0>
  constexpr void fill() {
    if constexpr (kAt < kRowsMax * kVecsMax) {
      call[kAt / kVecsMax][kAt % kVecsMax] = &run<kAt / kVecsMax + 1, kAt % kVecsMax + 1>;
      fill<kAt + 1>();
    }
  }
  static constexpr TileTable make() {
    TileTable table{};
    table.template fill<>();
    return table;
  }
};

}  // namespace switchyard::kernels
