// tests/conformance/kernels/kernel_fixture.h -- the devices of this test binary (kernel_cases.h),
// and buffers in their memory that notice a write outside their rows or a value never written.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "kernels/device.h"
#include "runtime/base/random.h"
#include "tests/conformance/kernels/kernel_cases.h"

namespace switchyard::kernels::test {

// A device of one kernel set, or a skipped test where the processor lacks it.
class KernelTest : public ::testing::TestWithParam<KernelCase> {
 protected:
  void SetUp() override;
  [[nodiscard]] std::unique_ptr<Device> make(std::size_t threads) const;
  [[nodiscard]] DType operand() const { return operand_dtype(GetParam().precision); }
  [[nodiscard]] bool is_bf16() const { return GetParam().precision == Precision::kBf16; }

  std::unique_ptr<Device> device_;  // one thread
};

std::string case_name(const ::testing::TestParamInfo<KernelCase>& info);

// Uniform in [-scale, scale].
Values random_values(std::size_t count, std::uint64_t seed, float scale = 1.0F);

// Values as a kernel sees them: rounded to the type.
float rounded(float value, DType dtype);
Values rounded(Values values, DType dtype);

// Elements of `dtype` behind `offset` bytes, so that alignment cannot be assumed.
RawBytes stored(const Values& values, DType dtype, std::size_t offset = 0);

// [rows, cols] with a gap after each row and red zones around: every byte starts as 0xFF, a NaN.
class GuardedRows {
 public:
  GuardedRows(std::size_t rows, std::size_t cols, DType dtype);

  [[nodiscard]] MutableRows view();
  [[nodiscard]] MatrixView<float> f32() { return view().as<float>(); }
  void set(const Values& values);
  [[nodiscard]] float at(std::size_t row, std::size_t col) const;
  // The bits of a row.
  [[nodiscard]] std::vector<std::byte> row_bits(std::size_t row) const;
  // Nothing outside the rows was written, everything inside is a number.
  void expect_intact() const;

 private:
  static constexpr std::size_t kGapElements = 7;
  static constexpr std::size_t kZoneBytes = 192;

  std::size_t rows_;
  std::size_t cols_;
  DType dtype_;
  RawBytes bytes_;
};

}  // namespace switchyard::kernels::test
