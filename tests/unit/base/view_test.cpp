#include "runtime/base/view.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace switchyard {
namespace {

class MatrixViews : public ::testing::Test {
 protected:
  void SetUp() override { std::iota(values_.begin(), values_.end(), 0.0F); }
  std::vector<float> values_ = std::vector<float>(24);
};

TEST_F(MatrixViews, RowsFollowTheStride) {
  const MatrixView<float> view(values_.data(), 4, 5, 6);
  EXPECT_EQ(view.row(2).size(), 5U);
  EXPECT_EQ(view.row(2)[0], 12.0F);
  EXPECT_EQ(view.row(3)[4], 22.0F);
}

TEST_F(MatrixViews, ASliceSharesMemoryAndStride) {
  const MatrixView<float> view(values_.data(), 4, 5, 6);
  const auto slice = view.slice_rows(1, 2);
  EXPECT_EQ(slice.rows(), 2U);
  EXPECT_EQ(slice.row(0)[0], 6.0F);
  slice.row(1)[1] = -1.0F;
  EXPECT_EQ(values_[13], -1.0F);
  EXPECT_TRUE(view.slice_rows(4, 0).empty());
}

TEST_F(MatrixViews, MutableConvertsToReadOnly) {
  const MatrixView<float> view(values_.data(), 4, 6);
  const MatrixView<const float> read_only = view;
  EXPECT_EQ(read_only.row(3)[5], 23.0F);
  static_assert(!std::is_convertible_v<MatrixView<const float>, MatrixView<float>>);
}

using MatrixViewsDeathTest = MatrixViews;

TEST_F(MatrixViewsDeathTest, OutOfRangeRowsAbortWithTheNumbers) {
  const MatrixView<float> view(values_.data(), 4, 6);
  EXPECT_DEATH((void)view.row(4), "row 4 of 4");
  EXPECT_DEATH((void)view.slice_rows(3, 2), "rows 3\\+2 of 4");
}

TEST_F(MatrixViews, RowsOfUnknownTypeGiveTypedMatrices) {
  const MutableRows rows{reinterpret_cast<std::byte*>(values_.data()), DType::kF32, 4, 5, 6};
  EXPECT_EQ(rows.row_bytes(), 20U);
  EXPECT_EQ(rows.as<float>().row(1)[0], 6.0F);
  const Rows read_only = rows;
  EXPECT_EQ(read_only.slice_rows(2, 1).as<float>().row(0)[1], 13.0F);
}

TEST_F(MatrixViewsDeathTest, ReadingRowsAsAnotherSizeAborts) {
  const MutableRows rows{reinterpret_cast<std::byte*>(values_.data()), DType::kBf16, 4, 5, 6};
  EXPECT_DEATH((void)rows.as<float>(), "dtype bf16");
}

}  // namespace
}  // namespace switchyard
