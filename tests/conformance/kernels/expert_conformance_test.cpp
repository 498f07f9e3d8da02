// SwiGLU experts: grouped and dense, against double precision, and free of the other rows.
#include <cmath>

#include "tests/conformance/kernels/kernel_fixture.h"
#include "tests/conformance/kernels/tolerances.h"

namespace switchyard::kernels::test {
namespace {

struct ExpertWeights {
  std::size_t hidden = 0;
  std::size_t inner = 0;
  Values gate, up, down;
  std::unique_ptr<PackedExpert> packed;
};

class Experts : public KernelTest {
 protected:
  ExpertWeights make_expert(std::size_t hidden, std::size_t inner, std::uint64_t seed) {
    ExpertWeights expert{hidden, inner, {}, {}, {}, nullptr};
    expert.gate = rounded(random_values(inner * hidden, seed), DType::kBf16);
    expert.up = rounded(random_values(inner * hidden, seed + 1), DType::kBf16);
    expert.down = rounded(random_values(inner * hidden, seed + 2), DType::kBf16);
    const auto gate = stored(expert.gate, DType::kBf16);
    const auto up = stored(expert.up, DType::kBf16);
    const auto down = stored(expert.down, DType::kBf16);
    expert.packed = device_
                        ->pack_expert({gate.data(), DType::kBf16, inner, hidden},
                                      {up.data(), DType::kBf16, inner, hidden},
                                      {down.data(), DType::kBf16, hidden, inner})
                        .value();
    return expert;
  }

  // y[c] and the magnitude of what was added to make it.
  std::pair<double, double> oracle(const ExpertWeights& expert, const float* x,
                                   std::size_t column) const {
    double sum = 0;
    double magnitude = 0;
    for (std::size_t i = 0; i < expert.inner; ++i) {
      double gate = 0;
      double up = 0;
      for (std::size_t j = 0; j < expert.hidden; ++j) {
        gate += static_cast<double>(x[j]) * expert.gate[i * expert.hidden + j];
        up += static_cast<double>(x[j]) * expert.up[i * expert.hidden + j];
      }
      const double inner = gate / (1 + std::exp(-gate)) * up;
      const double product = static_cast<double>(rounded(static_cast<float>(inner), operand())) *
                             expert.down[column * expert.inner + i];
      sum += product;
      magnitude += std::abs(product);
    }
    return {sum, magnitude};
  }
  [[nodiscard]] double tolerance() const { return is_bf16() ? kBf16Intermediate : kFunction; }
};

// Pairs of `tokens` rows with a few experts each, grouped by expert.
struct Pairs {
  std::vector<std::uint32_t> row, out;
  std::vector<ExpertGroup> groups;
};

Pairs make_pairs(const std::vector<ExpertWeights>& experts, std::size_t tokens, std::size_t per) {
  Pairs pairs;
  for (std::size_t e = 0; e < experts.size(); ++e) {
    const auto begin = static_cast<std::uint32_t>(pairs.row.size());
    for (std::uint32_t t = 0; t < tokens; ++t) {
      for (std::size_t j = 0; j < per; ++j) {
        if ((t * 5 + j) % experts.size() != e) continue;
        pairs.row.push_back(t);
        pairs.out.push_back(static_cast<std::uint32_t>(t * per + j));
      }
    }
    const auto count = static_cast<std::uint32_t>(pairs.row.size()) - begin;
    pairs.groups.push_back({experts[e].packed.get(), begin, count});
  }
  return pairs;
}

TEST_P(Experts, MatchTheOracleOverGroups) {
  constexpr std::size_t kTokens = 19;
  constexpr std::size_t kPerToken = 2;
  for (const auto& [hidden, inner] :
       {std::pair<std::size_t, std::size_t>{192, 64}, {48, 50}, {33, 7}, {64, 97}}) {
    std::vector<ExpertWeights> experts;
    for (std::size_t e = 0; e < 5; ++e) {
      experts.push_back(make_expert(hidden, inner, 20 + 10 * e));
    }
    const Pairs pairs = make_pairs(experts, kTokens, kPerToken);
    const auto x = rounded(random_values(kTokens * hidden, 3, 0.3F), operand());
    GuardedRows rows(kTokens, hidden, operand());
    rows.set(x);
    ASSERT_TRUE(device_->reserve(kTokens, pairs.row.size(), hidden, inner));
    for (const DType wire : {DType::kF32, DType::kBf16}) {
      GuardedRows y(kTokens * kPerToken, hidden, wire);
      device_->expert_ffn(rows.view(), pairs.row, pairs.out, pairs.groups, y.view());
      y.expect_intact();
      for (std::size_t e = 0; e < experts.size(); ++e) {
        const auto& group = pairs.groups[e];
        for (std::size_t p = group.pair_begin; p < group.pair_begin + group.pair_count; ++p) {
          const std::size_t c = (p * 13) % hidden;
          const auto [sum, magnitude] = oracle(experts[e], x.data() + pairs.row[p] * hidden, c);
          const double wire_error = wire == DType::kBf16 ? 0.004 * std::abs(sum) : 0;
          ASSERT_NEAR(y.at(pairs.out[p], c), sum, tolerance() * magnitude + wire_error)
              << "pair " << p << ", d " << hidden << ", f " << inner;
        }
      }
    }
  }
}

TEST_P(Experts, APairKeepsItsBitsInAnyCompany) {
  constexpr std::size_t kTokens = 40;
  constexpr std::size_t kPerToken = 3;
  constexpr std::size_t kHidden = 80;
  constexpr std::size_t kInner = 72;
  std::vector<ExpertWeights> experts;
  for (std::size_t e = 0; e < 4; ++e) experts.push_back(make_expert(kHidden, kInner, 60 + 10 * e));
  const Pairs pairs = make_pairs(experts, kTokens, kPerToken);
  GuardedRows x(kTokens, kHidden, operand());
  x.set(random_values(kTokens * kHidden, 4));
  for (const std::size_t threads : {1U, 2U, 3U}) {
    const auto device = make(threads);
    ASSERT_TRUE(device->reserve(kTokens, pairs.row.size(), kHidden, kInner));
    ASSERT_TRUE(device_->reserve(1, 1, kHidden, kInner));
    GuardedRows whole(kTokens * kPerToken, kHidden, DType::kF32);
    device->expert_ffn(x.view(), pairs.row, pairs.out, pairs.groups, whole.view());
    for (std::size_t e = 0; e < experts.size(); ++e) {
      const auto& group = pairs.groups[e];
      for (std::size_t p = group.pair_begin; p < group.pair_begin + group.pair_count; ++p) {
        const std::vector<std::uint32_t> row{pairs.row[p]};
        const std::vector<std::uint32_t> out{0};
        const std::vector<ExpertGroup> one{{experts[e].packed.get(), 0, 1}};
        GuardedRows y(1, kHidden, DType::kF32);
        device_->expert_ffn(x.view(), row, out, one, y.view());
        ASSERT_EQ(y.row_bits(0), whole.row_bits(pairs.out[p]))
            << "pair " << p << ", " << threads << " threads";
      }
    }
  }
}

TEST_P(Experts, OfDifferentInnerSizesShareACall) {
  constexpr std::size_t kHidden = 40;
  std::vector<ExpertWeights> experts;
  experts.push_back(make_expert(kHidden, 24, 70));
  experts.push_back(make_expert(kHidden, 90, 80));
  const Pairs pairs = make_pairs(experts, 6, 2);
  const auto x = rounded(random_values(6 * kHidden, 5, 0.3F), operand());
  GuardedRows rows(6, kHidden, operand());
  rows.set(x);
  ASSERT_TRUE(device_->reserve(6, pairs.row.size(), kHidden, 90));
  GuardedRows y(12, kHidden, DType::kF32);
  device_->expert_ffn(rows.view(), pairs.row, pairs.out, pairs.groups, y.view());
  for (std::size_t e = 0; e < 2; ++e) {
    const auto& group = pairs.groups[e];
    for (std::size_t p = group.pair_begin; p < group.pair_begin + group.pair_count; ++p) {
      const auto [sum, magnitude] = oracle(experts[e], x.data() + pairs.row[p] * kHidden, 3);
      ASSERT_NEAR(y.at(pairs.out[p], 3), sum, tolerance() * magnitude) << "pair " << p;
    }
  }
}

TEST_P(Experts, DenseFfnAddsToTheResidual) {
  constexpr std::size_t kTokens = 11;
  constexpr std::size_t kHidden = 48;
  constexpr std::size_t kInner = 80;
  const auto expert = make_expert(kHidden, kInner, 90);
  const auto x = rounded(random_values(kTokens * kHidden, 6, 0.3F), operand());
  const auto start = random_values(kTokens * kHidden, 7);
  GuardedRows rows(kTokens, kHidden, operand());
  rows.set(x);
  GuardedRows y(kTokens, kHidden, DType::kF32);
  y.set(start);
  ASSERT_TRUE(device_->reserve(kTokens, kTokens, kHidden, kInner));
  device_->dense_ffn(rows.view(), *expert.packed, y.f32());
  y.expect_intact();
  for (std::size_t t = 0; t < kTokens; ++t) {
    const auto [sum, magnitude] = oracle(expert, x.data() + t * kHidden, t);
    ASSERT_NEAR(y.at(t, t), sum + start[t * kHidden + t], tolerance() * (magnitude + 1));
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, Experts, ::testing::ValuesIn(every_kernel_case()), case_name);

}  // namespace
}  // namespace switchyard::kernels::test
