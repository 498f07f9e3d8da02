// kernels/cpu_features.h -- what this processor, and the system under it, let us execute.
// A feature counts only when the operating system saves its registers too (XGETBV).
// Thread safety: plain value. Tests build a CpuFeatures by hand instead of asking the processor.
#pragma once

namespace switchyard::kernels {

struct CpuFeatures {
  bool avx2 = false;         // AVX2, FMA and F16C together
  bool avx512 = false;       // AVX-512 F, BW, DQ and VL together
  bool avx512_bf16 = false;  // VDPBF16PS
  bool halved_512 = false;   // 512-bit operations are done in two halves (AMD family 19h, Zen 4)
};

[[nodiscard]] CpuFeatures detect_cpu_features() noexcept;

}  // namespace switchyard::kernels
