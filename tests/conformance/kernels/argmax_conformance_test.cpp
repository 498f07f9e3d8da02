// The greatest column of a row: ties, values that are not numbers, and widths around every step of
// a kernel (a chunk, a warp, a block of threads).
#include <limits>

#include "kernels/ops/greatest.h"
#include "tests/conformance/kernels/kernel_fixture.h"

namespace switchyard::kernels::test {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

class Argmax : public KernelTest {
 protected:
  // Ids in memory that the device may write, with a red zone of one element.
  [[nodiscard]] std::vector<std::uint32_t> of(MatrixView<const float> logits) {
    constexpr std::uint32_t kRed = 0xABCDEF01U;
    std::vector<std::uint32_t, SharedAllocator<std::uint32_t>> ids(logits.rows() + 1, kRed);
    device_->argmax(logits, std::span(ids).first(logits.rows()));
    EXPECT_EQ(ids.back(), kRed);
    return {ids.begin(), ids.end() - 1};
  }
  // One row at any offset from an aligned address.
  [[nodiscard]] std::uint32_t of_row(const std::vector<float>& row, std::size_t offset = 0) {
    Values memory(row.size() + offset);
    std::ranges::copy(row, memory.begin() + static_cast<std::ptrdiff_t>(offset));
    return of({memory.data() + offset, 1, row.size()}).front();
  }
};

TEST_P(Argmax, FindsTheGreatestAtEveryPlaceThatMatters) {
  for (const std::size_t width : {1U, 2U, 31U, 32U, 33U, 1023U, 1024U, 1025U, 4097U, 9000U}) {
    const auto values = random_values(width, 60 + width, 3.0F);
    for (const std::size_t at : {std::size_t{0}, width / 3, width / 2, width - 1}) {
      std::vector<float> row(values.begin(), values.end());
      row[at] = 3.5F;
      for (const std::size_t offset : {0U, 1U}) {
        EXPECT_EQ(of_row(row, offset), at) << width << " columns, offset " << offset;
      }
    }
  }
}

TEST_P(Argmax, TakesTheFirstOfEqualOnes) {
  for (const std::size_t width : {2U, 40U, 1100U, 5000U}) {
    std::vector<float> row(width, -1.0F);
    EXPECT_EQ(of_row(row), 0U);
    row[width - 1] = 2.0F;
    row[width / 2] = 2.0F;
    EXPECT_EQ(of_row(row), width / 2);
    row[width / 2] = -0.0F;
    row[width - 1] = 0.0F;  // equal to -0
    EXPECT_EQ(of_row(row), width / 2);
  }
}

TEST_P(Argmax, CountsANanAsMinusInfinityAndChoosesNothingThatIsNotFinite) {
  std::vector<float> row(2000, kNan);
  EXPECT_EQ(of_row(row), kNoIndex);
  row[7] = -kInfinity;
  EXPECT_EQ(of_row(row), kNoIndex);
  row[1999] = -3.0e38F;
  EXPECT_EQ(of_row(row), 1999U);
  row[1500] = kInfinity;
  EXPECT_EQ(of_row(row), kNoIndex);
  EXPECT_EQ(of_row({kNan, 1.0F, kNan}), 1U);
}

TEST_P(Argmax, TreatsEachRowAlone) {
  constexpr std::size_t kRows = 5;
  constexpr std::size_t kCols = 300;
  constexpr std::size_t kStride = 303;
  Values logits = random_values(kRows * kStride, 61);
  std::vector<std::uint32_t> wanted;
  for (std::size_t t = 0; t < kRows; ++t) {
    for (std::size_t gap = kCols; gap < kStride; ++gap) logits[t * kStride + gap] = 100.0F;
    wanted.push_back(static_cast<std::uint32_t>(t * 59));
    logits[t * kStride + wanted.back()] = 2.0F;
  }
  EXPECT_EQ(of({logits.data(), kRows, kCols, kStride}), wanted);
}

INSTANTIATE_TEST_SUITE_P(Kernels, Argmax, ::testing::ValuesIn(every_kernel_case()), case_name);

}  // namespace
}  // namespace switchyard::kernels::test
