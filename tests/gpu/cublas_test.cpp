// A device that was asked for cuBLAS: its products of many rows agree with ours to rounding, those
// of few rows to the bit, and `switchyard kernels` says which is which.
#include <cmath>

#include "tests/conformance/kernels/kernel_fixture.h"
#include "tests/gpu/synced_device.h"

namespace switchyard::kernels::test {
namespace {

class WithCublas : public KernelTest {
 protected:
  void SetUp() override {
    KernelTest::SetUp();  // device_: without
    if (IsSkipped()) return;
    DeviceOptions options;
    options.precision = GetParam().precision;
    options.cuda_gemm = CudaGemm::kCublas;
    auto with = make_device("cuda", options);
    if (!with && with.error().code == ErrorCode::kUnsupported) GTEST_SKIP() << with.error().message;
    with_ = std::make_unique<SyncedDevice>(std::move(with).value());
  }

  static std::unique_ptr<PackedMatrix> pack(Device& device, std::size_t out, std::size_t in) {
    const auto weight = stored(random_values(out * in, 80), DType::kBf16);
    return device.pack({weight.data(), DType::kBf16, out, in}).value();
  }
  static std::unique_ptr<PackedExpert> pack_expert(Device& device, std::size_t d, std::size_t f,
                                                   std::uint64_t seed) {
    const auto gate = stored(random_values(f * d, seed), DType::kBf16);
    const auto up = stored(random_values(f * d, seed + 1), DType::kBf16);
    const auto down = stored(random_values(f * d, seed + 2), DType::kBf16);
    return device
        .pack_expert({gate.data(), DType::kBf16, f, d}, {up.data(), DType::kBf16, f, d},
                     {down.data(), DType::kBf16, d, f})
        .value();
  }

  // Rows within rounding of each other; how many elements differ at all.
  static std::size_t expect_near(const GuardedRows& got, const GuardedRows& wanted,
                                 std::size_t begin, std::size_t end, std::size_t cols,
                                 double tolerance) {
    got.expect_intact();
    std::size_t different = 0;
    for (std::size_t r = begin; r < end; ++r) {
      for (std::size_t c = 0; c < cols; ++c) {
        EXPECT_NEAR(got.at(r, c), wanted.at(r, c), tolerance) << "row " << r << ", column " << c;
        if (got.at(r, c) != wanted.at(r, c)) ++different;
      }
    }
    return different;
  }

  std::unique_ptr<Device> with_;
};

TEST_P(WithCublas, ProductsOfManyRowsAgreeAndOfFewAreTheSame) {
  std::size_t different = 0;
  for (const auto& [out, in] :
       {std::pair<std::size_t, std::size_t>{24, 200}, {7, 33}, {1, 8}, {65, 100}}) {
    const auto theirs = pack(*with_, out, in);
    const auto ours = pack(*device_, out, in);
    for (const std::size_t rows : {1U, 63U, 64U, 100U}) {
      GuardedRows x(rows, in, operand());
      x.set(random_values(rows * in, 81));
      for (const auto store : {Device::Store::kSet, Device::Store::kAdd}) {
        const auto start = random_values(rows * out, 82);
        GuardedRows got(rows, out, DType::kF32);
        GuardedRows wanted(rows, out, DType::kF32);
        got.set(start);
        wanted.set(start);
        with_->gemm(x.view(), *theirs, got.f32(), store);
        device_->gemm(x.view(), *ours, wanted.f32(), store);
        const auto count = expect_near(got, wanted, 0, rows, out, 1e-4);
        if (rows < 64) {
          EXPECT_EQ(count, 0U) << rows << " rows are ours";
        }
        different += count;
      }
    }
  }
  EXPECT_GT(different, 0U) << "two orders of sums that never differ: was it cuBLAS?";
}

// One group of many pairs, one of few, one of none, one beyond the rows that wait in fp32.
TEST_P(WithCublas, ExpertsAreSharedOutByTheirRows) {
  // More than one slice of k each, so that ours adds in another order.
  constexpr std::size_t kHidden = 80;
  constexpr std::size_t kInner = 72;
  const std::vector<std::uint32_t> counts{70, 5, 0, 4100};
  std::vector<std::unique_ptr<PackedExpert>> theirs;
  std::vector<std::unique_ptr<PackedExpert>> ours;
  std::vector<ExpertGroup> groups;
  std::vector<ExpertGroup> our_groups;
  std::uint32_t pairs = 0;
  for (std::size_t e = 0; e < counts.size(); ++e) {
    theirs.push_back(pack_expert(*with_, kHidden, kInner, 90 + 3 * e));
    ours.push_back(pack_expert(*device_, kHidden, kInner, 90 + 3 * e));
    groups.push_back({theirs.back().get(), pairs, counts[e]});
    our_groups.push_back({ours.back().get(), pairs, counts[e]});
    pairs += counts[e];
  }
  std::vector<std::uint32_t> row(pairs);
  std::vector<std::uint32_t> out(pairs);
  for (std::uint32_t p = 0; p < pairs; ++p) {
    row[p] = p * 7 % 100;
    out[p] = pairs - 1 - p;
  }
  ASSERT_TRUE(with_->reserve(100, pairs, kHidden, kInner));
  ASSERT_TRUE(device_->reserve(100, pairs, kHidden, kInner));
  GuardedRows x(100, kHidden, operand());
  x.set(random_values(100 * kHidden, 83, 0.3F));
  for (const DType wire : {DType::kF32, DType::kBf16}) {
    GuardedRows got(pairs, kHidden, wire);
    GuardedRows wanted(pairs, kHidden, wire);
    with_->expert_ffn(x.view(), row, out, groups, got.view());
    device_->expert_ffn(x.view(), row, out, our_groups, wanted.view());
    const double tolerance = wire == DType::kBf16 || is_bf16() ? 0.05 : 1e-4;
    const auto different = expect_near(got, wanted, 0, pairs, kHidden, tolerance);
    // fp32 operands with bf16 results are no combination of cuBLAS: ours. With bf16 both ways the
    // rounding may hide what differs.
    if (wire == DType::kF32) {
      EXPECT_GT(different, 0U) << "was it cuBLAS?";
    } else if (!is_bf16()) {
      EXPECT_EQ(different, 0U);
    }
    for (std::uint32_t p = 70; p < 75; ++p) {
      EXPECT_EQ(got.row_bits(out[p]), wanted.row_bits(out[p])) << "a group of five is ours";
    }
  }
}

TEST_P(WithCublas, DenseFfnAddsToTheResidual) {
  // More than one slice of k, so that ours adds in another order.
  constexpr std::size_t kHidden = 133;
  constexpr std::size_t kInner = 100;
  const auto theirs = pack_expert(*with_, kHidden, kInner, 110);
  const auto ours = pack_expert(*device_, kHidden, kInner, 110);
  for (const std::size_t rows : {63U, 80U}) {
    ASSERT_TRUE(with_->reserve(rows, 0, kHidden, kInner));
    ASSERT_TRUE(device_->reserve(rows, 0, kHidden, kInner));
    GuardedRows x(rows, kHidden, operand());
    x.set(random_values(rows * kHidden, 84, 0.3F));
    const auto start = random_values(rows * kHidden, 85);
    GuardedRows got(rows, kHidden, DType::kF32);
    GuardedRows wanted(rows, kHidden, DType::kF32);
    got.set(start);
    wanted.set(start);
    with_->dense_ffn(x.view(), *theirs, got.f32());
    device_->dense_ffn(x.view(), *ours, wanted.f32());
    const auto different = expect_near(got, wanted, 0, rows, kHidden, is_bf16() ? 0.05 : 1e-4);
    EXPECT_EQ(different > 0, rows >= 64);
  }
}

// Routing hangs on it: whatever was asked for, the gate's bits are those of the invariant kernel.
TEST_P(WithCublas, TheGateIsOurs) {
  constexpr std::size_t kRows = 70;
  constexpr std::size_t kHidden = 200;
  constexpr std::size_t kExperts = 9;
  const auto weight = stored(random_values(kExperts * kHidden, 86), DType::kF32);
  const WeightView view{weight.data(), DType::kF32, kExperts, kHidden};
  const auto theirs = with_->pack_gate(view).value();
  const auto ours = device_->pack_gate(view).value();
  const auto x = random_values(kRows * kHidden, 87);
  GuardedRows got(kRows, kExperts, DType::kF32);
  GuardedRows wanted(kRows, kExperts, DType::kF32);
  with_->gate({x.data(), kRows, kHidden}, *theirs, got.f32());
  device_->gate({x.data(), kRows, kHidden}, *ours, wanted.f32());
  for (std::size_t r = 0; r < kRows; ++r) EXPECT_EQ(got.row_bits(r), wanted.row_bits(r)) << r;
}

INSTANTIATE_TEST_SUITE_P(Cuda, WithCublas, ::testing::ValuesIn(every_kernel_case()), case_name);

const KernelChoice& line_of(const std::vector<KernelChoice>& list, std::string_view op,
                            std::string_view candidate) {
  for (const auto& line : list) {
    if (line.op == op && line.candidate.starts_with(candidate)) return line;
  }
  ADD_FAILURE() << "no line of " << op << " by " << candidate;
  return list.front();
}

TEST(CudaKernelList, SaysWhetherCublasIsUsedAndWhyNot) {
  DeviceOptions options;
  options.cuda_gemm = CudaGemm::kCublas;
  if (const auto device = make_device("cuda", options); !device) {
    GTEST_SKIP() << device.error().message;
  }
  options.cuda_gemm = CudaGemm::kInvariant;
  const auto without = explain_kernels("cuda", options).value();
  EXPECT_FALSE(line_of(without, "gemm, 64+", "cublas").chosen);
  EXPECT_NE(line_of(without, "gemm, 64+", "cublas").reason.find("--cuda-gemm"), std::string::npos);
  EXPECT_TRUE(line_of(without, "gemm, 64+", "cuda").chosen);
  options.cuda_gemm = CudaGemm::kCublas;
  const auto with = explain_kernels("cuda", options).value();
  for (const char* op : {"gemm, 64+", "experts, 64+"}) {
    EXPECT_TRUE(line_of(with, op, "cublas").chosen) << op;
    EXPECT_FALSE(line_of(with, op, "cuda").chosen) << op;
  }
  for (const char* op : {"gemm", "experts", "gate"}) {
    EXPECT_TRUE(line_of(with, op, "cuda").chosen) << op;
  }
}

}  // namespace
}  // namespace switchyard::kernels::test
