// Projections and gates: against double precision, and row by row the same bits in any company.
#include <cmath>

#include "tests/conformance/kernels/kernel_fixture.h"
#include "tests/conformance/kernels/tolerances.h"

namespace switchyard::kernels::test {
namespace {

struct Shape {
  std::size_t rows, in, out;
};

class Gemm : public KernelTest {
 protected:
  std::unique_ptr<PackedMatrix> pack(const Values& weight, std::size_t out, std::size_t in) {
    const auto raw = stored(weight, DType::kBf16, 2);
    return device_->pack({raw.data() + 2, DType::kBf16, out, in}).value();
  }
};

void expect_products(const Values& x, const Values& w, const Shape& shape, const Values& start,
                     const GuardedRows& y) {
  for (std::size_t t = 0; t < shape.rows; ++t) {
    for (std::size_t o = 0; o < shape.out; ++o) {
      double sum = start[t * shape.out + o];
      double magnitude = std::abs(sum);
      for (std::size_t i = 0; i < shape.in; ++i) {
        const double product = static_cast<double>(x[t * shape.in + i]) * w[o * shape.in + i];
        sum += product;
        magnitude += std::abs(product);
      }
      ASSERT_NEAR(y.at(t, o), sum, kSum * magnitude)
          << "row " << t << " of " << shape.rows << ", column " << o << " of " << shape.out
          << ", in " << shape.in;
    }
  }
}

TEST_P(Gemm, MatchesTheOracleOverEdgeShapes) {
  const std::vector<Shape> shapes{{1, 64, 64},    {1, 1, 1},     {2, 3, 5},     {5, 17, 16},
                                  {6, 31, 33},    {7, 64, 65},   {8, 33, 130},  {12, 192, 48},
                                  {13, 65, 63},   {33, 40, 100}, {70, 127, 79}, {3, 300, 16},
                                  {17, 1100, 24}, {5, 1344, 16}};
  for (const auto& shape : shapes) {
    const auto w = rounded(random_values(shape.out * shape.in, 1), DType::kBf16);
    const auto x = rounded(random_values(shape.rows * shape.in, 2), operand());
    const auto packed = pack(w, shape.out, shape.in);
    GuardedRows rows(shape.rows, shape.in, operand());
    rows.set(x);
    GuardedRows y(shape.rows, shape.out, DType::kF32);
    device_->gemm(rows.view(), *packed, y.f32(), Device::Store::kSet);
    y.expect_intact();
    expect_products(x, w, shape, Values(shape.rows * shape.out, 0.0F), y);

    const auto start = random_values(shape.rows * shape.out, 3);
    y.set(start);
    device_->gemm(rows.view(), *packed, y.f32(), Device::Store::kAdd);
    y.expect_intact();
    expect_products(x, w, shape, start, y);
  }
}

TEST_P(Gemm, GateMatchesTheOracleInFp32) {
  for (const Shape& shape : {Shape{1, 64, 16}, Shape{9, 100, 33}, Shape{64, 48, 128}}) {
    const auto w = random_values(shape.out * shape.in, 4);
    const auto x = random_values(shape.rows * shape.in, 5);
    const auto raw = stored(w, DType::kF32);
    const auto packed = device_->pack_gate({raw.data(), DType::kF32, shape.out, shape.in}).value();
    GuardedRows rows(shape.rows, shape.in, DType::kF32);
    rows.set(x);
    GuardedRows y(shape.rows, shape.out, DType::kF32);
    device_->gate(rows.f32(), *packed, y.f32());
    y.expect_intact();
    expect_products(x, w, shape, Values(shape.rows * shape.out, 0.0F), y);
  }
}

TEST_P(Gemm, ARowKeepsItsBitsInAnyBatchAndOnAnyThreads) {
  constexpr std::size_t kRows = 70;
  constexpr std::size_t kIn = 129;
  constexpr std::size_t kOut = 200;
  const auto packed = pack(random_values(kOut * kIn, 6), kOut, kIn);
  GuardedRows x(kRows, kIn, operand());
  x.set(random_values(kRows * kIn, 7));
  std::vector<std::vector<std::byte>> alone;
  for (std::size_t t = 0; t < kRows; ++t) {
    GuardedRows y(1, kOut, DType::kF32);
    device_->gemm(x.view().slice_rows(t, 1), *packed, y.f32(), Device::Store::kSet);
    alone.push_back(y.row_bits(0));
  }
  for (const std::size_t threads : {1U, 2U, 3U}) {
    const auto device = make(threads);
    for (std::size_t count = 1; count <= kRows; ++count) {
      const std::size_t first = (count * 7) % (kRows - count + 1);
      GuardedRows y(count, kOut, DType::kF32);
      device->gemm(x.view().slice_rows(first, count), *packed, y.f32(), Device::Store::kSet);
      for (std::size_t t = 0; t < count; ++t) {
        ASSERT_EQ(y.row_bits(t), alone[first + t])
            << "row " << first + t << " in " << count << " rows, " << threads << " threads";
      }
    }
  }
}

TEST_P(Gemm, AGateRowKeepsItsBitsInAnyBatch) {
  constexpr std::size_t kRows = 40;
  constexpr std::size_t kIn = 96;
  constexpr std::size_t kExperts = 48;
  const auto raw = stored(random_values(kExperts * kIn, 8), DType::kF32);
  const auto packed = device_->pack_gate({raw.data(), DType::kF32, kExperts, kIn}).value();
  GuardedRows x(kRows, kIn, DType::kF32);
  x.set(random_values(kRows * kIn, 9));
  GuardedRows whole(kRows, kExperts, DType::kF32);
  make(3)->gate(x.f32(), *packed, whole.f32());
  for (std::size_t t = 0; t < kRows; ++t) {
    GuardedRows y(1, kExperts, DType::kF32);
    device_->gate(x.f32().slice_rows(t, 1), *packed, y.f32());
    ASSERT_EQ(y.row_bits(0), whole.row_bits(t)) << "row " << t;
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, Gemm, ::testing::ValuesIn(every_kernel_case()), case_name);

}  // namespace
}  // namespace switchyard::kernels::test
