#include "tests/conformance/kernels/kernel_fixture.h"

#include <algorithm>
#include <cmath>

namespace switchyard::kernels::test {
namespace {

constexpr std::byte kPoison{0xFF};

float load(const std::byte* from, DType dtype) {
  if (dtype == DType::kF32) {
    float value = 0;
    std::memcpy(&value, from, sizeof value);
    return value;
  }
  Bf16 value;
  std::memcpy(&value, from, sizeof value);
  return to_float(value);
}

// Round to nearest even by search: slow, and written apart from what it checks.
Fp16 to_fp16(float value) {
  Fp16 best;
  double distance = INFINITY;
  for (std::uint32_t bits = 0; bits < 0x10000U; ++bits) {
    const Fp16 candidate{static_cast<std::uint16_t>(bits)};
    const double off = std::abs(static_cast<double>(to_float(candidate)) - value);
    if (off < distance || (off == distance && bits % 2 == 0)) {
      distance = off;
      best = candidate;
    }
  }
  return best;
}

}  // namespace

void PrintTo(const KernelCase& which, std::ostream* out) {
  *out << which.isa << (which.precision == Precision::kBf16 ? " bf16" : " fp32");
}

std::string case_name(const ::testing::TestParamInfo<KernelCase>& info) {
  std::string name = info.param.isa;
  std::replace(name.begin(), name.end(), '-', '_');
  return name + (info.param.precision == Precision::kBf16 ? "_operands_bf16" : "_operands_fp32");
}

void KernelTest::SetUp() {
  auto made = make_case_device(GetParam(), 1);
  if (!made && made.error().code == ErrorCode::kUnsupported) {
    GTEST_SKIP() << made.error().message;
  }
  ASSERT_TRUE(made) << made.error().message;
  device_ = std::move(made).value();
}

std::unique_ptr<Device> KernelTest::make(std::size_t threads) const {
  return make_case_device(GetParam(), threads).value();
}

Values random_values(std::size_t count, std::uint64_t seed, float scale) {
  Random random(seed);
  Values values(count);
  for (auto& value : values) value = (static_cast<float>(random.next_unit()) * 2 - 1) * scale;
  return values;
}

float rounded(float value, DType dtype) {
  if (dtype == DType::kBf16) return to_float(to_bf16(value));
  if (dtype == DType::kF16) return to_float(to_fp16(value));
  return value;
}

Values rounded(Values values, DType dtype) {
  for (auto& value : values) value = rounded(value, dtype);
  return values;
}

RawBytes stored(const Values& values, DType dtype, std::size_t offset) {
  RawBytes bytes(offset + values.size() * size_bytes(dtype));
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::byte* to = bytes.data() + offset + i * size_bytes(dtype);
    if (dtype == DType::kF32) {
      std::memcpy(to, &values[i], sizeof(float));
    } else if (dtype == DType::kBf16) {
      const Bf16 value = to_bf16(values[i]);
      std::memcpy(to, &value, sizeof value);
    } else {
      const Fp16 value = to_fp16(values[i]);
      std::memcpy(to, &value, sizeof value);
    }
  }
  return bytes;
}

GuardedRows::GuardedRows(std::size_t rows, std::size_t cols, DType dtype)
    : rows_(rows),
      cols_(cols),
      dtype_(dtype),
      bytes_(2 * kZoneBytes + rows * (cols + kGapElements) * size_bytes(dtype), kPoison) {}

MutableRows GuardedRows::view() {
  return {bytes_.data() + kZoneBytes, dtype_, rows_, cols_, cols_ + kGapElements};
}

void GuardedRows::set(const Values& values) {
  ASSERT_EQ(values.size(), rows_ * cols_);
  const auto raw = stored(values, dtype_);
  const std::size_t row_bytes = cols_ * size_bytes(dtype_);
  for (std::size_t r = 0; r < rows_; ++r) {
    std::memcpy(view().row(r), raw.data() + r * row_bytes, row_bytes);
  }
}

float GuardedRows::at(std::size_t row, std::size_t col) const {
  const std::size_t element = size_bytes(dtype_);
  return load(bytes_.data() + kZoneBytes + (row * (cols_ + kGapElements) + col) * element, dtype_);
}

std::vector<std::byte> GuardedRows::row_bits(std::size_t row) const {
  const std::size_t element = size_bytes(dtype_);
  const std::byte* from = bytes_.data() + kZoneBytes + row * (cols_ + kGapElements) * element;
  return {from, from + cols_ * element};
}

void GuardedRows::expect_intact() const {
  const std::size_t row_bytes = cols_ * size_bytes(dtype_);
  const std::size_t stride_bytes = row_bytes + kGapElements * size_bytes(dtype_);
  std::size_t outside_written = 0;
  for (std::size_t i = 0; i < bytes_.size(); ++i) {
    const bool in_rows = i >= kZoneBytes && i < bytes_.size() - kZoneBytes;
    const bool inside = in_rows && (i - kZoneBytes) % stride_bytes < row_bytes;
    if (!inside && bytes_[i] != kPoison) ++outside_written;
  }
  EXPECT_EQ(outside_written, 0U) << "bytes outside the rows";
  std::size_t not_numbers = 0;
  for (std::size_t r = 0; r < rows_; ++r) {
    for (std::size_t c = 0; c < cols_; ++c) not_numbers += std::isfinite(at(r, c)) ? 0 : 1;
  }
  EXPECT_EQ(not_numbers, 0U) << "of " << rows_ * cols_;
}

}  // namespace switchyard::kernels::test
