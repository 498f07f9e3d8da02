// kernels/simd/static_for.h -- loops that are unrolled at compile time, so that arrays of vector
// registers indexed by them stay in registers under both compilers.
#pragma once

#include <cstddef>

#define SY_INLINE inline __attribute__((always_inline))

// Before a loop of a constant count over registers: gcc keeps arrays in registers only when it
// unrolls before it looks at them, which closures would hide.
#if defined(__clang__)
#define SY_UNROLL _Pragma("clang loop unroll(full)")
#else
#define SY_UNROLL _Pragma("GCC unroll 64")
#endif

namespace switchyard::kernels {

template <std::size_t kIndex>
struct Index {
  static constexpr std::size_t value = kIndex;
  constexpr operator std::size_t() const noexcept { return kIndex; }
};

// f(Index<0>{}), f(Index<1>{}), ... f(Index<kCount - 1>{}).
template <std::size_t kCount, std::size_t kFrom = 0, class F>
SY_INLINE void static_for(const F& f) {
  if constexpr (kFrom < kCount) {
    f(Index<kFrom>{});
    static_for<kCount, kFrom + 1>(f);
  }
}

}  // namespace switchyard::kernels
