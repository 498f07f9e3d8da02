// kernels/simd/row_ops.h -- RowKernels on vector lanes. Tails are masked lanes, so a row's bits do
// not depend on alignment; sums go through four accumulators of one vector each, then halves.
#pragma once

#include "kernels/ops/row.h"
#include "kernels/simd/static_for.h"

namespace switchyard::kernels {

template <class V>
struct RowOps {
  using F = typename V::F;
  static constexpr std::size_t kLanes = V::kLanes;

  static SY_INLINE float sum_of_squares(const float* x, std::size_t n) {
    constexpr std::size_t kChains = 4;
    F sums[kChains];
    static_for<kChains>([&](auto c) { sums[c] = V::zero(); });
    std::size_t i = 0;
    for (; i + kChains * kLanes <= n; i += kChains * kLanes) {
      static_for<kChains>([&](auto c) {
        const F value = V::load(x + i + c * kLanes);
        sums[c] = V::fma(value, value, sums[c]);
      });
    }
    for (; i < n; i += kLanes) {
      const F value = V::load(V::first(n - i), x + i);
      sums[0] = V::fma(value, value, sums[0]);
    }
    return V::sum(V::add(V::add(sums[0], sums[1]), V::add(sums[2], sums[3])));
  }

  static void rmsnorm(const RmsNormTask& task) {
    const float mean = sum_of_squares(task.x, task.n) / static_cast<float>(task.n);
    const F factor = V::set(1.0F / __builtin_sqrtf(mean + task.eps));
    for (std::size_t i = 0; i < task.n; i += kLanes) {
      const auto mask = V::first(task.n - i);
      const F y = V::mul(V::mul(V::load(mask, task.x + i), factor), V::load(mask, task.gain + i));
      if (task.operand != nullptr) {
        if (task.operand_is_bf16) {
          V::store_bf16(mask, task.operand + i * 2, y);
        } else {
          V::store(mask, reinterpret_cast<float*>(task.operand) + i, y);
        }
      }
      if (task.fp32 != nullptr) V::store(mask, task.fp32 + i, y);
    }
  }

  static void clamp(float* x, std::size_t n, float limit) {
    const F high = V::set(limit);
    const F low = V::set(-limit);
    for (std::size_t i = 0; i < n; i += kLanes) {
      const auto mask = V::first(n - i);
      V::store(mask, x + i, V::max(V::min(V::load(mask, x + i), high), low));
    }
  }

  static void rope(float* x, const float* cos, const float* sin, std::size_t half) {
    for (std::size_t i = 0; i < half; i += kLanes) {
      const auto mask = V::first(half - i);
      const F a = V::load(mask, x + i);
      const F b = V::load(mask, x + half + i);
      const F c = V::load(mask, cos + i);
      const F s = V::load(mask, sin + i);
      V::store(mask, x + i, V::fnma(b, s, V::mul(a, c)));
      V::store(mask, x + half + i, V::fma(a, s, V::mul(b, c)));
    }
  }

  // kVecs vectors of all slots at a time, so that the sums stay in registers.
  template <bool kBf16, std::size_t kVecs>
  static SY_INLINE void combine_span(const CombineTask& task, std::size_t begin) {
    F sums[kVecs];
    static_for<kVecs>([&](auto v) { sums[v] = V::zero(); });
    for (std::size_t j = 0; j < task.slots; ++j) {
      const std::byte* row = task.rows[j];
      if (row == nullptr) continue;
      const F weight = V::set(task.weights[j]);
      static_for<kVecs>([&](auto v) {
        const std::size_t i = begin + v * kLanes;
        const auto mask = V::first(task.n - i);
        const F value = kBf16 ? V::load_bf16(mask, row + i * 2)
                              : V::load(mask, reinterpret_cast<const float*>(row) + i);
        sums[v] = V::fma(weight, value, sums[v]);
      });
    }
    static_for<kVecs>([&](auto v) {
      const std::size_t i = begin + v * kLanes;
      const auto mask = V::first(task.n - i);
      V::store(mask, task.residual + i, V::add(V::load(mask, task.residual + i), sums[v]));
    });
  }

  template <bool kBf16>
  static void combine(const CombineTask& task) {
    constexpr std::size_t kVecs = 8;
    std::size_t i = 0;
    for (; i + kVecs * kLanes <= task.n; i += kVecs * kLanes) combine_span<kBf16, kVecs>(task, i);
    for (; i < task.n; i += kLanes) combine_span<kBf16, 1>(task, i);
  }

  static void bf16_to_f32(const std::byte* from, std::byte* to, std::size_t n) {
    for (std::size_t i = 0; i < n; i += kLanes) {
      const auto mask = V::first(n - i);
      V::store(mask, reinterpret_cast<float*>(to) + i, V::load_bf16(mask, from + i * 2));
    }
  }
  static void f16_to_f32(const std::byte* from, std::byte* to, std::size_t n) {
    for (std::size_t i = 0; i < n; i += kLanes) {
      const auto mask = V::first(n - i);
      V::store(mask, reinterpret_cast<float*>(to) + i, V::load_f16(mask, from + i * 2));
    }
  }
  // In place too: a vector is read before its (lower) place is written.
  static void f32_to_bf16(const std::byte* from, std::byte* to, std::size_t n) {
    for (std::size_t i = 0; i < n; i += kLanes) {
      const auto mask = V::first(n - i);
      const F value = V::load(mask, reinterpret_cast<const float*>(from) + i);
      V::store_bf16(mask, to + i * 2, value);
    }
  }

  static constexpr RowKernels kernels() {
    return {&rmsnorm,       &clamp,       &rope,       &combine<false>,
            &combine<true>, &bf16_to_f32, &f16_to_f32, &f32_to_bf16};
  }
};

}  // namespace switchyard::kernels
