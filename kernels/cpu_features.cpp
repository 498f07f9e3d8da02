#include "kernels/cpu_features.h"

#include <cpuid.h>

#include <cstdint>

namespace switchyard::kernels {
namespace {

struct Leaf {
  std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Leaf cpuid(std::uint32_t leaf, std::uint32_t subleaf) noexcept {
  Leaf out;
  if (__get_cpuid_count(leaf, subleaf, &out.eax, &out.ebx, &out.ecx, &out.edx) == 0) return {};
  return out;
}

// XCR0 without the xsave target flag, which would let the compiler use it elsewhere.
std::uint64_t saved_register_sets() noexcept {
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<std::uint64_t>(high) << 32) | low;
}

constexpr bool has(std::uint32_t word, unsigned bit) noexcept { return ((word >> bit) & 1U) != 0; }

// AMD64 Architecture Programmer's Manual volume 3, CPUID Fn0000_0000 and Fn0000_0001_EAX.
bool is_amd_family(std::uint32_t family) noexcept {
  constexpr std::uint32_t kAuth = 0x68747541;
  constexpr std::uint32_t kEnti = 0x69746e65;
  constexpr std::uint32_t kCamd = 0x444d4163;
  const Leaf vendor = cpuid(0, 0);
  const bool amd = vendor.ebx == kAuth && vendor.edx == kEnti && vendor.ecx == kCamd;
  const std::uint32_t eax = cpuid(1, 0).eax;
  const std::uint32_t base = (eax >> 8) & 0xFU;
  return amd && (base == 0xF ? base + ((eax >> 20) & 0xFFU) : base) == family;
}

}  // namespace

// Bit numbers: Intel SDM volume 2A, CPUID; XCR0: volume 1, chapter 13.
CpuFeatures detect_cpu_features() noexcept {
  CpuFeatures found;
  const Leaf one = cpuid(1, 0);
  const bool os_saves = has(one.ecx, 27);
  if (!os_saves) return found;
  const std::uint64_t saved = saved_register_sets();
  const bool ymm = (saved & 0x6U) == 0x6U;
  const bool zmm = (saved & 0xE6U) == 0xE6U;
  const Leaf seven = cpuid(7, 0);
  const Leaf seven_one = cpuid(7, 1);
  const bool fma_f16c = has(one.ecx, 12) && has(one.ecx, 29);
  found.avx2 = ymm && has(seven.ebx, 5) && fma_f16c;
  found.avx512 = zmm && found.avx2 && has(seven.ebx, 16) && has(seven.ebx, 17) &&
                 has(seven.ebx, 30) && has(seven.ebx, 31);
  found.avx512_bf16 = found.avx512 && has(seven_one.eax, 5);
  found.halved_512 = found.avx512 && is_amd_family(0x19);
  return found;
}

}  // namespace switchyard::kernels
