#include "runtime/engine/sampler.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <set>

namespace switchyard::engine {
namespace {

const std::vector<float> kLogits{0.5F, 2.0F, 2.0F, -1.0F, 1.0F};

TEST(Sampler, GreedyTakesTheLowestOfTheBest) {
  Sampler sampler(kLogits.size());
  EXPECT_EQ(sampler.sample(kLogits, {}, 1, 1), 1U);
}

TEST(Sampler, ADrawDependsOnSeedAndPositionOnly) {
  Sampler one(kLogits.size());
  Sampler two(kLogits.size());
  const SamplingOptions options{.temperature = 1.0};
  for (std::uint64_t position = 0; position < 100; ++position) {
    static_cast<void>(two.sample(kLogits, options, 77, position));  // another sequence's draw
    EXPECT_EQ(one.sample(kLogits, options, 5, position), two.sample(kLogits, options, 5, position));
  }
}

TEST(Sampler, TopKAndTopPKeepTheMostProbable) {
  Sampler sampler(kLogits.size());
  std::set<std::uint32_t> by_k;
  std::set<std::uint32_t> by_p;
  for (std::uint64_t position = 0; position < 500; ++position) {
    by_k.insert(sampler.sample(kLogits, {.temperature = 1.0, .top_k = 2}, 9, position));
    by_p.insert(sampler.sample(kLogits, {.temperature = 1.0, .top_p = 0.4}, 9, position));
  }
  EXPECT_EQ(by_k, (std::set<std::uint32_t>{1, 2}));
  EXPECT_EQ(by_p, (std::set<std::uint32_t>{1, 2}));
}

TEST(Sampler, FrequenciesFollowTheSoftmax) {
  Sampler sampler(kLogits.size());
  constexpr int kDraws = 20000;
  std::array<int, 5> counts{};
  for (std::uint64_t position = 0; position < kDraws; ++position) {
    ++counts[sampler.sample(kLogits, {.temperature = 2.0}, 3, position)];
  }
  double sum = 0;
  for (const float logit : kLogits) sum += std::exp(static_cast<double>(logit) / 2);
  for (std::size_t i = 0; i < kLogits.size(); ++i) {
    const double expected = std::exp(static_cast<double>(kLogits[i]) / 2) / sum;
    // Five standard deviations of a binomial; the seed is fixed.
    const double bound = 5 * std::sqrt(expected * (1 - expected) / kDraws);
    EXPECT_NEAR(static_cast<double>(counts[i]) / kDraws, expected, bound) << i;
  }
}

}  // namespace
}  // namespace switchyard::engine
