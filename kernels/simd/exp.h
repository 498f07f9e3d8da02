// kernels/simd/exp.h -- exp and silu on vector lanes; the same operations for every lane.
// exp(x) = 2^n * p(r), n = round(x / ln 2), r = x - n ln 2 in two steps (Cody and Waite 1980),
// p = the Taylor polynomial of degree 7: its truncation error on |r| <= ln(2)/2 is 5.3e-9, so that
// rounding dominates (below 2 units in the last place). exp(0) is exactly 1.
// Arguments are clamped to [-86, 88], where the result is a normal number.
#pragma once

#include "kernels/simd/static_for.h"

namespace switchyard::kernels {

template <class V>
SY_INLINE typename V::F vector_exp(typename V::F x) {
  using F = typename V::F;
  x = V::min(V::max(x, V::set(-86.0F)), V::set(88.0F));
  const F n = V::round(V::mul(x, V::set(1.44269504F)));
  F r = V::fnma(n, V::set(0.693145751953125F), x);  // 0x1.62e4p-1: n * it is exact
  r = V::fnma(n, V::set(1.42860677e-6F), r);
  F p = V::set(1.0F / 5040.0F);
  p = V::fma(p, r, V::set(1.0F / 720.0F));
  p = V::fma(p, r, V::set(1.0F / 120.0F));
  p = V::fma(p, r, V::set(1.0F / 24.0F));
  p = V::fma(p, r, V::set(1.0F / 6.0F));
  p = V::fma(p, r, V::set(0.5F));
  p = V::fma(p, r, V::set(1.0F));
  p = V::fma(p, r, V::set(1.0F));
  return V::scale(p, n);
}

// x / (1 + exp(-x)).
template <class V>
SY_INLINE typename V::F vector_silu(typename V::F x) {
  const typename V::F e = vector_exp<V>(V::sub(V::zero(), x));
  return V::div(x, V::add(V::set(1.0F), e));
}

}  // namespace switchyard::kernels
