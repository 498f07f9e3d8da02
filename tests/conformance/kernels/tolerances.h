// tests/conformance/kernels/tolerances.h -- how far a kernel may be from the double-precision
// oracle. Each class is a share of the sum of the magnitudes that were added, or of the largest
// value.
#pragma once

namespace switchyard::kernels::test {

// fp32 sums of up to a thousand exact products: rounding of the sums only.
inline constexpr double kSum = 2e-6;
// The same behind a nonlinear function computed in fp32 (SwiGLU, softmax).
inline constexpr double kFunction = 1e-5;
// The intermediate is rounded to bf16 (2^-9), and may round the other way than the oracle's.
inline constexpr double kBf16Intermediate = 2e-3;
// q, k, probabilities and the output are each rounded to bf16.
inline constexpr double kBf16Attention = 1.5e-2;
// One elementwise result in fp32.
inline constexpr double kElement = 2e-6;
// One elementwise result rounded to bf16.
inline constexpr double kBf16Element = 8e-3;

}  // namespace switchyard::kernels::test
