// kernels/ceilings.h -- what this machine or its GPU can do at most: read bandwidth and peak
// arithmetic, measured the way a kernel would meet them. For `switchyard bench`, so that every
// figure has its limit. Thread safety: safe; measurements disturb each other when they run
// together.
#pragma once

#include <cstddef>
#include <string_view>

#include "kernels/device.h"

namespace switchyard::kernels {

struct CeilingOptions {
  std::size_t threads = 1;
  double seconds = 0.3;                             // of each measurement
  std::size_t read_bytes = std::size_t{512} << 20;  // per thread; far above the caches
};

struct Ceilings {
  double read_gbs = 0;     // DRAM read, all threads together, GB/s (10^9)
  double fp32_gflops = 0;  // fused multiply-adds in registers, the best instruction set here
  double bf16_gflops = 0;  // bf16 dot products; 0 where the processor has none
  std::string_view fp32_isa;
  std::string_view bf16_isa;
};

// Best of three rounds each: a ceiling is what the machine can do when nothing disturbs it.
[[nodiscard]] Ceilings measure_ceilings(const CeilingOptions& options);
// The same of a device by its name; on a GPU `options` say nothing. Errors: as make_device().
[[nodiscard]] Result<Ceilings> measure_device_ceilings(std::string_view name,
                                                       const DeviceOptions& device,
                                                       const CeilingOptions& options);

// Loops of `iterations` rounds in registers; they return the floating-point operations done and
// keep the result alive through `sink`. One per ISA folder.
namespace peak {
[[nodiscard]] double fp32_ref(std::size_t iterations, float* sink);
[[nodiscard]] double fp32_avx2(std::size_t iterations, float* sink);
[[nodiscard]] double fp32_avx512(std::size_t iterations, float* sink);
[[nodiscard]] double bf16_avx512(std::size_t iterations, float* sink);
}  // namespace peak

}  // namespace switchyard::kernels
