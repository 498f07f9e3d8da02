// tests/conformance/kernels/kernel_fixture.h -- every kernel set that this processor can run, in
// both precisions, and buffers that notice a write outside their rows or a value never written.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "kernels/device.h"
#include "runtime/base/random.h"

namespace switchyard::kernels::test {

struct KernelCase {
  std::string isa;
  Precision precision = Precision::kBf16;
};
void PrintTo(const KernelCase& which, std::ostream* out);

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
std::vector<KernelCase> every_kernel_case();

// Uniform in [-scale, scale].
std::vector<float> random_values(std::size_t count, std::uint64_t seed, float scale = 1.0F);

// Values as a kernel sees them: rounded to the type.
float rounded(float value, DType dtype);
std::vector<float> rounded(std::vector<float> values, DType dtype);

// Elements of `dtype` behind `offset` bytes, so that alignment cannot be assumed.
std::vector<std::byte> stored(const std::vector<float>& values, DType dtype,
                              std::size_t offset = 0);

// [rows, cols] with a gap after each row and red zones around: every byte starts as 0xFF, a NaN.
class GuardedRows {
 public:
  GuardedRows(std::size_t rows, std::size_t cols, DType dtype);

  [[nodiscard]] MutableRows view();
  [[nodiscard]] MatrixView<float> f32() { return view().as<float>(); }
  void set(const std::vector<float>& values);
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
  std::vector<std::byte> bytes_;
};

}  // namespace switchyard::kernels::test
