// runtime/base/dtype.h -- element types of tensors and the scalar conversions between them.
// Not a tensor and not a kernel: bulk conversion lives in kernels/.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace switchyard {

enum class DType { kF32, kF16, kBf16 };

[[nodiscard]] constexpr std::size_t size_bytes(DType type) noexcept {
  return type == DType::kF32 ? 4 : 2;
}

[[nodiscard]] constexpr std::string_view to_string(DType type) noexcept {
  switch (type) {
    case DType::kF32: return "fp32";
    case DType::kF16: return "fp16";
    case DType::kBf16: return "bf16";
  }
  return "unknown";
}

// A bfloat16 as its bits; arithmetic is done in float.
struct Bf16 {
  std::uint16_t bits = 0;
  constexpr bool operator==(const Bf16&) const = default;
};

// An IEEE half as its bits; arithmetic is done in float.
struct Fp16 {
  std::uint16_t bits = 0;
  constexpr bool operator==(const Fp16&) const = default;
};

[[nodiscard]] constexpr float to_float(Bf16 value) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16);
}

// Round to nearest, ties to even; a NaN stays a (quiet) NaN.
[[nodiscard]] constexpr Bf16 to_bf16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) {
    return Bf16{static_cast<std::uint16_t>((bits >> 16) | 0x0040U)};
  }
  return Bf16{static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16)};
}

[[nodiscard]] constexpr float to_float(Fp16 value) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(value.bits & 0x8000U) << 16;
  const std::uint32_t exponent = (value.bits >> 10) & 0x1FU;
  const std::uint32_t mantissa = value.bits & 0x3FFU;
  if (exponent == 0x1FU) return std::bit_cast<float>(sign | 0x7F800000U | (mantissa << 13));
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
    return sign != 0 ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | ((exponent + 112U) << 23) | (mantissa << 13));
}

}  // namespace switchyard
