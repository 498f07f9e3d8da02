#include "runtime/base/dtype.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace switchyard {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

TEST(Bf16, EveryFiniteValueSurvivesTheWayThroughFloat) {
  for (std::uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const Bf16 value{static_cast<std::uint16_t>(bits)};
    const float wide = to_float(value);
    if (std::isnan(wide)) {
      EXPECT_TRUE(std::isnan(to_float(to_bf16(wide))));
    } else {
      ASSERT_EQ(to_bf16(wide).bits, value.bits) << bits;
    }
  }
}

TEST(Bf16, RoundsToNearestWithTiesToEven) {
  const float step = 0x1p-7F;  // distance of neighbours in [1, 2)
  EXPECT_EQ(to_float(to_bf16(1.0F + step * 0.49F)), 1.0F);
  EXPECT_EQ(to_float(to_bf16(1.0F + step * 0.51F)), 1.0F + step);
  EXPECT_EQ(to_float(to_bf16(1.0F + step * 0.5F)), 1.0F);             // even below
  EXPECT_EQ(to_float(to_bf16(1.0F + step * 1.5F)), 1.0F + 2 * step);  // even above
  EXPECT_EQ(to_float(to_bf16(-1.0F - step * 1.5F)), -1.0F - 2 * step);
}

TEST(Bf16, OverflowsToInfinityAndKeepsNanQuiet) {
  EXPECT_EQ(to_float(to_bf16(std::numeric_limits<float>::max())), kInf);
  EXPECT_EQ(to_float(to_bf16(-kInf)), -kInf);
  // A NaN whose payload is in the low half only must not turn into infinity.
  EXPECT_TRUE(std::isnan(to_float(to_bf16(std::bit_cast<float>(0x7F800001U)))));
}

TEST(Fp16, ReadsNormalsSubnormalsAndSpecials) {
  EXPECT_EQ(to_float(Fp16{0x3C00}), 1.0F);
  EXPECT_EQ(to_float(Fp16{0xC000}), -2.0F);
  EXPECT_EQ(to_float(Fp16{0x7BFF}), 65504.0F);
  EXPECT_EQ(to_float(Fp16{0x0001}), 0x1p-24F);
  EXPECT_EQ(to_float(Fp16{0x83FF}), -1023 * 0x1p-24F);
  EXPECT_EQ(to_float(Fp16{0x7C00}), kInf);
  EXPECT_TRUE(std::isnan(to_float(Fp16{0x7E01})));
  EXPECT_TRUE(std::signbit(to_float(Fp16{0x8000})));
}

// Independent of the bit tricks: value = (-1)^s * 2^(e-15) * (1 + m/1024), by ldexp.
TEST(Fp16, AgreesWithTheDefinitionForEveryFinitePattern) {
  for (std::uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const int exponent = static_cast<int>((bits >> 10) & 0x1F);
    if (exponent == 0x1F) continue;
    const int mantissa = static_cast<int>(bits & 0x3FF);
    const double magnitude =
        exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
    const double expected = (bits & 0x8000) != 0 ? -magnitude : magnitude;
    ASSERT_EQ(to_float(Fp16{static_cast<std::uint16_t>(bits)}), expected) << bits;
  }
}

TEST(DType, KnowsItsSizeAndName) {
  EXPECT_EQ(size_bytes(DType::kF32), 4U);
  EXPECT_EQ(size_bytes(DType::kF16), 2U);
  EXPECT_EQ(size_bytes(DType::kBf16), 2U);
  EXPECT_EQ(to_string(DType::kBf16), "bf16");
}

}  // namespace
}  // namespace switchyard
