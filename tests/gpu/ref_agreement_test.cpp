// Where a CUDA kernel adds in the order of kernels/ref, it gives the same bits: rows, combine,
// variance, and attention from rotation to the weighted values (without the norm, whose sum over a
// row is a tree; bf16 heads of up to 128 go to tensor cores and are only near). The other ops are
// held to the oracle by the conformance suite.
#include "kernels/cuda/attention_plan.h"
#include "tests/conformance/kernels/attention_case.h"
#include "tests/conformance/kernels/tolerances.h"

namespace switchyard::kernels::test {
namespace {

class AgreesWithRef : public KernelTest {
 protected:
  void SetUp() override {
    KernelTest::SetUp();
    ref_ = make_device("cpu", {GetParam().precision, 1, "ref"}).value();
  }

  static void expect_same(const GuardedRows& got, const GuardedRows& wanted, std::size_t rows) {
    got.expect_intact();
    for (std::size_t r = 0; r < rows; ++r) ASSERT_EQ(got.row_bits(r), wanted.row_bits(r)) << r;
  }

  // bf16 sums of values between -1 and 1, of probabilities that are rounded to bf16 on both sides.
  static void expect_near(const AttentionCase::Outputs& got, const AttentionCase::Outputs& wanted) {
    double worst = 0;
    for (const auto& [key, row] : wanted) {
      const auto& other = got.at(key);
      for (std::size_t at = 0; at < row.size(); at += sizeof(Bf16)) {
        Bf16 a;
        Bf16 b;
        std::memcpy(&a, row.data() + at, sizeof a);
        std::memcpy(&b, other.data() + at, sizeof b);
        worst = std::max(worst, std::abs(double{to_float(a)} - to_float(b)));
      }
    }
    EXPECT_LE(worst, kBf16Attention);
  }

  std::unique_ptr<Device> ref_;
};

// Widths below, at and above a thread's chunk, a warp, a block of threads.
constexpr std::size_t kWidths[] = {1, 7, 8, 31, 64, 255, 257, 1024, 2500};

TEST_P(AgreesWithRef, Embed) {
  const std::vector<std::uint32_t> ids{3, 0, 4, 3, 1};
  for (const std::size_t width : kWidths) {
    const auto values = random_values(5 * width, 50);
    for (const DType dtype : {DType::kF32, DType::kBf16}) {
      const auto table = stored(values, dtype);
      GuardedRows got(ids.size(), width, DType::kF32);
      GuardedRows wanted(ids.size(), width, DType::kF32);
      device_->embed({table.data(), dtype, 5, width}, ids, got.f32());
      ref_->embed({table.data(), dtype, 5, width}, ids, wanted.f32());
      expect_same(got, wanted, ids.size());
    }
  }
}

TEST_P(AgreesWithRef, EmbedFromHalf) {
  const auto table = stored(random_values(3 * 9, 51), DType::kF16);
  const std::vector<std::uint32_t> ids{2, 1};
  GuardedRows got(2, 9, DType::kF32);
  GuardedRows wanted(2, 9, DType::kF32);
  device_->embed({table.data(), DType::kF16, 3, 9}, ids, got.f32());
  ref_->embed({table.data(), DType::kF16, 3, 9}, ids, wanted.f32());
  expect_same(got, wanted, 2);
}

TEST_P(AgreesWithRef, GatherAndConvert) {
  const std::vector<std::uint32_t> rows{4, 0, 0, 2};
  for (const std::size_t width : kWidths) {
    GuardedRows x(5, width, operand());
    x.set(random_values(5 * width, 52));
    GuardedRows got(rows.size(), width, operand());
    GuardedRows wanted(rows.size(), width, operand());
    device_->gather_rows(x.view(), rows, got.view());
    ref_->gather_rows(x.view(), rows, wanted.view());
    expect_same(got, wanted, rows.size());
    const DType other = is_bf16() ? DType::kF32 : DType::kBf16;
    GuardedRows got_other(5, width, other);
    GuardedRows wanted_other(5, width, other);
    device_->convert(x.view(), got_other.view());
    ref_->convert(x.view(), wanted_other.view());
    expect_same(got_other, wanted_other, 5);
  }
}

// Rows as messages have them: 16-byte aligned, so that the wide path is taken.
TEST_P(AgreesWithRef, GatherOfAlignedRows) {
  constexpr std::size_t kRows = 6;
  const std::vector<std::uint32_t> rows{5, 1, 3};
  for (const std::size_t width : {8U, 64U, 2048U, 4104U}) {
    const std::size_t row_bytes = width * size_bytes(operand());
    const auto raw = stored(random_values(kRows * width, 53), operand());
    RawBytes to(rows.size() * row_bytes);
    device_->gather_rows({raw.data(), operand(), kRows, width, width}, rows,
                         {to.data(), operand(), rows.size(), width, width});
    for (std::size_t i = 0; i < rows.size(); ++i) {
      ASSERT_EQ(std::memcmp(to.data() + i * row_bytes, raw.data() + rows[i] * row_bytes, row_bytes),
                0);
    }
  }
}

TEST_P(AgreesWithRef, Combine) {
  const std::vector<std::uint32_t> slot_begin{0, 3, 3, 4, 12};
  for (const std::size_t width : kWidths) {
    for (const DType wire : {DType::kF32, DType::kBf16}) {
      const std::size_t row_bytes = width * size_bytes(wire);
      const auto raw = stored(random_values(12 * width, 54), wire);
      const auto weights = random_values(12, 55);
      std::vector<CombineSlot> slots;
      for (std::size_t j = 0; j < 12; ++j) {
        slots.push_back({j == 5 ? nullptr : raw.data() + j * row_bytes, weights[j]});
      }
      GuardedRows got(4, width, DType::kF32);
      GuardedRows wanted(4, width, DType::kF32);
      const auto start = random_values(4 * width, 56);
      got.set(start);
      wanted.set(start);
      device_->combine(slot_begin, slots, wire, got.f32());
      ref_->combine(slot_begin, slots, wire, wanted.f32());
      expect_same(got, wanted, 4);
    }
  }
}

TEST_P(AgreesWithRef, RowVariance) {
  constexpr std::size_t kRows = 300;  // more than a block of threads
  for (const std::size_t width : {1U, 33U, 200U}) {
    GuardedRows x(kRows, width, DType::kF32);
    x.set(random_values(kRows * width, 57, 3.0F));
    Values got(kRows);
    Values wanted(kRows);
    device_->row_variance(x.f32(), got);
    ref_->row_variance(x.f32(), wanted);
    ASSERT_EQ(std::memcmp(got.data(), wanted.data(), kRows * sizeof(float)), 0) << width;
  }
}

TEST_P(AgreesWithRef, AttentionWithoutNorm) {
  const std::vector<AttentionShape> shapes{{4, 2, 32, QkNorm::kNone, 0, 150, 1},
                                           {3, 3, 10, QkNorm::kNone, 0.7F, 66, 1},
                                           {20, 1, 16, QkNorm::kNone, 0, 65, 1},
                                           {2, 1, 256, QkNorm::kNone, 0, 64, 1}};
  for (const auto& shape : shapes) {
    const AttentionCase work(shape, operand());
    const auto cache = work.make_cache(*device_);
    const auto ref_cache = work.make_cache(*ref_);
    AttentionCase::Outputs got;
    AttentionCase::Outputs wanted;
    for (std::size_t at = 0; at < shape.tokens; at += 50) {
      const std::size_t count = std::min<std::size_t>(50, shape.tokens - at);
      work.run(*device_, *cache, {{0, at, count}}, got);
      work.run(*ref_, *ref_cache, {{0, at, count}}, wanted);
    }
    SCOPED_TRACE(fmt::format("heads {}, head size {}", shape.heads, shape.head_size));
    if (cuda::attend_units(operand(), shape.head_size) == cuda::AttendUnits::kScalar) {
      EXPECT_EQ(got, wanted);
    } else {
      expect_near(got, wanted);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cuda, AgreesWithRef, ::testing::ValuesIn(every_kernel_case()), case_name);

}  // namespace
}  // namespace switchyard::kernels::test
