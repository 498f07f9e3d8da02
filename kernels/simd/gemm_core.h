// kernels/simd/gemm_core.h -- the inner loop shared by the matmul and attention kernels: a tile of
// kRows x (kVecs * lanes) sums held in registers, walked once over the steps of a panel.
// A Core says how one step is multiplied: the plain ones live here, VDPBF16PS in avx512/.
// The order of additions into a sum is the order of the steps: tiles of any shape give equal bits.
#pragma once

#include <cstddef>

#include "kernels/ops/gemm.h"
#include "kernels/simd/static_for.h"

namespace switchyard::kernels {

template <class V, std::size_t kRows, std::size_t kVecs>
struct Tile {
  typename V::F sum[kRows][kVecs];

  SY_INLINE void clear() {
    static_for<kRows>([&](auto r) { static_for<kVecs>([&](auto v) { sum[r][v] = V::zero(); }); });
  }
  // Rows are `stride` floats apart.
  SY_INLINE void load(const float* from, std::size_t stride) {
    static_for<kRows>([&](auto r) {
      static_for<kVecs>(
          [&](auto v) { sum[r][v] = V::load(from + r * stride + v * V::kLanes); });
    });
  }
  SY_INLINE void store(float* to, std::size_t stride) const {
    static_for<kRows>([&](auto r) {
      static_for<kVecs>(
          [&](auto v) { V::store(to + r * stride + v * V::kLanes, sum[r][v]); });
    });
  }
};

// fp32 operands.
template <class Vec>
struct CoreF32 {
  using V = Vec;
  static constexpr bool kBf16 = false;
  static constexpr std::size_t kStepElements = 1;

  template <std::size_t kRows, std::size_t kVecs>
  static SY_INLINE void step(Tile<V, kRows, kVecs>& tile, const std::byte* const (&x)[kRows],
                             std::size_t x_offset, const std::byte* w) {
    typename V::F weight[kVecs];
    static_for<kVecs>([&](auto v) {
      weight[v] = V::load(reinterpret_cast<const float*>(w) + v * V::kLanes);
    });
    static_for<kRows>([&](auto r) {
      const typename V::F value = V::broadcast(x[r] + x_offset);
      static_for<kVecs>(
          [&](auto v) { tile.sum[r][v] = V::fma(value, weight[v], tile.sum[r][v]); });
    });
  }
};

// bf16 operands, widened to fp32: the even element of the pair, then the odd one.
template <class Vec>
struct CoreWideBf16 {
  using V = Vec;
  static constexpr bool kBf16 = true;
  static constexpr std::size_t kStepElements = 2;

  template <std::size_t kRows, std::size_t kVecs>
  static SY_INLINE void step(Tile<V, kRows, kVecs>& tile, const std::byte* const (&x)[kRows],
                             std::size_t x_offset, const std::byte* w) {
    typename V::I pairs[kVecs];
    static_for<kVecs>(
        [&](auto v) { pairs[v] = V::load_pairs(w + v * V::kLanes * kStepBytes); });
    typename V::F half[kVecs];
    static_for<kVecs>([&](auto v) { half[v] = V::low(pairs[v]); });
    static_for<kRows>([&](auto r) {
      const typename V::F value = V::low(V::broadcast_pair(x[r] + x_offset));
      static_for<kVecs>([&](auto v) { tile.sum[r][v] = V::fma(value, half[v], tile.sum[r][v]); });
    });
    static_for<kVecs>([&](auto v) { half[v] = V::high(pairs[v]); });
    static_for<kRows>([&](auto r) {
      const typename V::F value = V::high(V::broadcast_pair(x[r] + x_offset));
      static_for<kVecs>([&](auto v) { tile.sum[r][v] = V::fma(value, half[v], tile.sum[r][v]); });
    });
  }
};

// Cache lines to bring nearer while a tile is computed: `lines` per kChunkSteps steps.
struct Prefetch {
  const std::byte* from = nullptr;
  std::size_t lines_per_chunk = 0;
};
inline constexpr std::size_t kChunkSteps = 8;
inline constexpr std::size_t kLineBytes = 64;

// tile += x[0..kRows) * panel. `w_stride_bytes` from step to step. x rows hold `in` elements and
// nothing behind them is read: an odd last bf16 goes through a padded copy.
template <class Core, std::size_t kRows, std::size_t kVecs>
SY_INLINE void accumulate(Tile<typename Core::V, kRows, kVecs>& tile,
                          const std::byte* const (&x)[kRows], std::size_t in, const std::byte* w,
                          std::size_t w_stride_bytes, Prefetch prefetch) {
  const std::size_t steps = in / Core::kStepElements;
  const std::size_t chunked = steps / kChunkSteps * kChunkSteps;
  std::size_t s = 0;
  while (s < chunked) {
    for (std::size_t line = 0; line < prefetch.lines_per_chunk; ++line) {
      __builtin_prefetch(prefetch.from, 0, 2);
      prefetch.from += kLineBytes;
    }
    const std::size_t end = s + kChunkSteps;
    for (; s < end; ++s) {
      Core::template step<kRows, kVecs>(tile, x, s * kStepBytes, w);
      w += w_stride_bytes;
    }
  }
  for (; s < steps; ++s) {
    Core::template step<kRows, kVecs>(tile, x, s * kStepBytes, w);
    w += w_stride_bytes;
  }
  if (steps * Core::kStepElements < in) {
    std::byte padded[kRows][kStepBytes] = {};
    const std::byte* last[kRows];
    static_for<kRows>([&](auto r) {
      padded[r][0] = x[r][s * kStepBytes];
      padded[r][1] = x[r][s * kStepBytes + 1];
      last[r] = padded[r];
    });
    Core::template step<kRows, kVecs>(tile, last, 0, w);
  }
}

}  // namespace switchyard::kernels
