// Ops on single rows: embedding, RMSNorm, combine, conversion.
#include <cmath>

#include "tests/conformance/kernels/kernel_fixture.h"
#include "tests/conformance/kernels/tolerances.h"

namespace switchyard::kernels::test {
namespace {

class RowOpsTest : public KernelTest {};

TEST_P(RowOpsTest, EmbedWidensExactly) {
  constexpr std::size_t kVocabulary = 11;
  constexpr std::size_t kHidden = 37;
  const auto values = random_values(kVocabulary * kHidden, 30);
  const std::vector<std::uint32_t> ids{3, 10, 0, 3};
  for (const DType dtype : {DType::kF32, DType::kBf16}) {
    const std::size_t offset = size_bytes(dtype);  // elements are aligned, rows need not be
    const auto raw = stored(values, dtype, offset);
    GuardedRows out(ids.size(), kHidden, DType::kF32);
    device_->embed({raw.data() + offset, dtype, kVocabulary, kHidden}, ids, out.f32());
    out.expect_intact();
    for (std::size_t t = 0; t < ids.size(); ++t) {
      for (std::size_t c = 0; c < kHidden; ++c) {
        ASSERT_EQ(out.at(t, c), rounded(values[ids[t] * kHidden + c], dtype));
      }
    }
  }
}

TEST_P(RowOpsTest, RmsNormMatchesTheOracleAndKeepsItsBits) {
  for (const std::size_t n : {1U, 7U, 16U, 100U, 333U}) {
    constexpr std::size_t kRows = 45;
    const auto x = random_values(kRows * n, 31);
    const auto gain = random_values(n, 32);
    GuardedRows rows(kRows, n, DType::kF32);
    rows.set(x);
    GuardedRows operand_out(kRows, n, operand());
    GuardedRows exact(kRows, n, DType::kF32);
    make(2)->rmsnorm(rows.f32(), {gain, 1e-5F}, operand_out.view(), exact.f32());
    operand_out.expect_intact();
    exact.expect_intact();
    for (std::size_t t = 0; t < kRows; ++t) {
      double squares = 0;
      for (std::size_t i = 0; i < n; ++i) squares += std::pow(double{x[t * n + i]}, 2);
      const double factor = 1 / std::sqrt(squares / static_cast<double>(n) + 1e-5);
      for (std::size_t i = 0; i < n; ++i) {
        const double y = x[t * n + i] * factor * gain[i];
        ASSERT_NEAR(exact.at(t, i), y, kElement * std::abs(y)) << "n " << n;
        ASSERT_EQ(operand_out.at(t, i), rounded(exact.at(t, i), operand()));
      }
      GuardedRows alone(1, n, operand());
      device_->rmsnorm(rows.f32().slice_rows(t, 1), {gain, 1e-5F}, alone.view(), {});
      ASSERT_EQ(alone.row_bits(0), operand_out.row_bits(t));
    }
  }
}

TEST_P(RowOpsTest, CombineSumsInSlotOrderAndSkipsDroppedRows) {
  constexpr std::size_t kHidden = 150;
  const std::vector<std::uint32_t> slot_begin{0, 3, 3, 4, 9};
  for (const DType wire : {DType::kF32, DType::kBf16}) {
    const auto values = random_values(9 * kHidden, 33);
    const auto raw = stored(values, wire);
    const auto weights = random_values(9, 34);
    std::vector<CombineSlot> slots;
    for (std::size_t j = 0; j < 9; ++j) {
      slots.push_back({j == 1 ? nullptr : raw.data() + j * kHidden * size_bytes(wire), weights[j]});
    }
    const auto start = random_values(4 * kHidden, 35);
    GuardedRows residual(4, kHidden, DType::kF32);
    residual.set(start);
    make(2)->combine(slot_begin, slots, wire, residual.f32());
    residual.expect_intact();
    for (std::size_t t = 0; t < 4; ++t) {
      for (std::size_t c = 0; c < kHidden; ++c) {
        double sum = 0;
        double magnitude = std::abs(start[t * kHidden + c]);
        for (std::size_t j = slot_begin[t]; j < slot_begin[t + 1]; ++j) {
          if (j == 1) continue;
          const double product = double{weights[j]} * rounded(values[j * kHidden + c], wire);
          sum += product;
          magnitude += std::abs(product);
        }
        ASSERT_NEAR(residual.at(t, c), start[t * kHidden + c] + sum, kElement * magnitude);
      }
    }
    GuardedRows alone(1, kHidden, DType::kF32);
    alone.set({start.begin() + 3 * kHidden, start.end()});
    const std::vector<std::uint32_t> last{4, 9};
    device_->combine(last, slots, wire, alone.f32());
    EXPECT_EQ(alone.row_bits(0), residual.row_bits(3));
  }
}

TEST_P(RowOpsTest, ConvertRoundsToNearestEven) {
  const Values values{0.0F,   -0.0F,       1.0F,         0x1.01p0F,    0x1.03p0F,
                      1e-40F, 3.3e38F,     -0x1.018p0F,  0x1.00fp0F,   -7.25F,
                      1e30F,  0x1.fep127F, 0x1.0100p-3F, 0x1.02fffep1F};
  GuardedRows wide(1, values.size(), DType::kF32);
  wide.set(values);
  GuardedRows narrow(1, values.size(), DType::kBf16);
  device_->convert(wide.view(), narrow.view());
  GuardedRows back(1, values.size(), DType::kF32);
  device_->convert(narrow.view(), back.view());
  GuardedRows copy(1, values.size(), DType::kF32);
  device_->convert(wide.view(), copy.view());
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(back.at(0, i), rounded(values[i], DType::kBf16)) << values[i];
    EXPECT_EQ(narrow.at(0, i), back.at(0, i));
  }
  EXPECT_EQ(copy.row_bits(0), wide.row_bits(0));
}

INSTANTIATE_TEST_SUITE_P(Kernels, RowOpsTest, ::testing::ValuesIn(every_kernel_case()), case_name);

}  // namespace
}  // namespace switchyard::kernels::test
