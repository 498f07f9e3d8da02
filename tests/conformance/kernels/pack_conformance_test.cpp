// Packing: every storage type, any alignment, and a clear refusal of values that are not finite.
#include <cmath>
#include <limits>

#include "tests/conformance/kernels/kernel_fixture.h"

namespace switchyard::kernels::test {
namespace {

class Pack : public KernelTest {
 protected:
  // The matrix as the device holds it, read back through products with unit rows.
  Values read_back(const PackedMatrix& packed) {
    GuardedRows x(packed.in(), packed.in(), operand());
    Values unit(packed.in() * packed.in(), 0.0F);
    for (std::size_t i = 0; i < packed.in(); ++i) unit[i * packed.in() + i] = 1.0F;
    x.set(unit);
    GuardedRows y(packed.in(), packed.out(), DType::kF32);
    device_->gemm(x.view(), packed, y.f32(), Device::Store::kSet);
    Values weight(packed.out() * packed.in());
    for (std::size_t o = 0; o < packed.out(); ++o) {
      for (std::size_t i = 0; i < packed.in(); ++i) weight[o * packed.in() + i] = y.at(i, o);
    }
    return weight;
  }
};

TEST_P(Pack, KeepsEveryValueOfEveryStorageType) {
  constexpr std::size_t kOut = 75;
  constexpr std::size_t kIn = 133;
  for (const DType dtype : {DType::kF32, DType::kBf16, DType::kF16}) {
    auto values = random_values(kOut * kIn, 11);
    values[0] = 0x1.018p0F;  // a tie between two bf16
    values[1] = -0x1.038p0F;
    const auto weight = dtype == DType::kF16 ? random_values(16 * 12, 12) : values;
    const std::size_t out = dtype == DType::kF16 ? 16 : kOut;
    const std::size_t in = dtype == DType::kF16 ? 12 : kIn;
    const auto raw = stored(weight, dtype, 1);
    const auto packed = device_->pack({raw.data() + 1, dtype, out, in});
    ASSERT_TRUE(packed) << packed.error().message;
    EXPECT_EQ(read_back(**packed), rounded(rounded(weight, dtype), operand())) << to_string(dtype);
    EXPECT_GE((*packed)->bytes(), out * in * size_bytes(operand()));
  }
}

TEST_P(Pack, NamesTheFirstValueThatIsNotFinite) {
  constexpr std::size_t kOut = 70;
  constexpr std::size_t kIn = 9;
  for (const float bad : {std::nanf(""), INFINITY, -INFINITY}) {
    for (const DType dtype : {DType::kF32, DType::kBf16}) {
      auto values = random_values(kOut * kIn, 13);
      values[66 * kIn + 8] = bad;
      values[67 * kIn] = bad;
      const auto raw = stored(values, dtype);
      const auto device = make(2);
      const auto packed = device->pack({raw.data(), dtype, kOut, kIn});
      ASSERT_FALSE(packed);
      EXPECT_EQ(packed.error().code, ErrorCode::kBadInput);
      EXPECT_EQ(packed.error().message, "weight [66, 8] is not finite");
      EXPECT_FALSE(device->pack_gate({raw.data(), dtype, kOut, kIn}));
    }
  }
}

TEST_P(Pack, RefusesAValueThatOverflowsTheOperandType) {
  const Values values{1.0F, std::numeric_limits<float>::max()};
  const auto raw = stored(values, DType::kF32);
  const auto packed = device_->pack({raw.data(), DType::kF32, 1, 2});
  EXPECT_EQ(packed.has_value(), !is_bf16());
}

TEST_P(Pack, SaysWhichPartOfAnExpertIsBroken) {
  constexpr std::size_t kHidden = 12;
  constexpr std::size_t kInner = 20;
  const auto good = stored(random_values(kHidden * kInner, 14), DType::kBf16);
  auto broken = random_values(kHidden * kInner, 15);
  broken[kInner + 2] = INFINITY;
  const auto bad = stored(broken, DType::kBf16);
  const auto view = [&](const RawBytes& raw, bool down) {
    return down ? WeightView{raw.data(), DType::kBf16, kHidden, kInner}
                : WeightView{raw.data(), DType::kBf16, kInner, kHidden};
  };
  const auto gate = device_->pack_expert(view(bad, false), view(good, false), view(good, true));
  const auto up = device_->pack_expert(view(good, false), view(bad, false), view(good, true));
  const auto down = device_->pack_expert(view(good, false), view(good, false), view(bad, true));
  ASSERT_FALSE(gate || up || down);
  EXPECT_EQ(gate.error().message, "gate: weight [1, 10] is not finite");
  EXPECT_EQ(up.error().message, "up: weight [1, 10] is not finite");
  EXPECT_EQ(down.error().message, "down: weight [1, 2] is not finite");
}

INSTANTIATE_TEST_SUITE_P(Kernels, Pack, ::testing::ValuesIn(every_kernel_case()), case_name);

}  // namespace
}  // namespace switchyard::kernels::test
