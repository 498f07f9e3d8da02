#include "runtime/engine/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <set>

#include "runtime/base/random.h"

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
    by_k.insert(*sampler.sample(kLogits, {.temperature = 1.0, .top_k = 2}, 9, position));
    by_p.insert(*sampler.sample(kLogits, {.temperature = 1.0, .top_p = 0.4}, 9, position));
  }
  EXPECT_EQ(by_k, (std::set<std::uint32_t>{1, 2}));
  EXPECT_EQ(by_p, (std::set<std::uint32_t>{1, 2}));
}

TEST(Sampler, FrequenciesFollowTheSoftmax) {
  Sampler sampler(kLogits.size());
  constexpr int kDraws = 20000;
  std::array<int, 5> counts{};
  for (std::uint64_t position = 0; position < kDraws; ++position) {
    ++counts[*sampler.sample(kLogits, {.temperature = 2.0}, 3, position)];
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

// The kept set of a vocabulary far larger than the pieces that are sorted at a time, against one
// that is sorted whole.
TEST(Sampler, TopPKeepsWhatAFullSortWouldKeep) {
  constexpr std::size_t kVocab = 20000;
  std::vector<float> logits(kVocab);
  for (std::size_t i = 0; i < kVocab; ++i) {
    logits[i] = static_cast<float>(hash_counters(1, i) % 997) / 200.0F;
  }
  std::vector<std::uint32_t> order(kVocab);
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::stable_sort(order, std::greater{}, [&](std::uint32_t i) { return logits[i]; });
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
  for (const double top_p : {0.02, 0.3, 0.9}) {
    double mass = 0;
    std::size_t kept = 0;
    while (mass < top_p * sum) mass += std::exp(static_cast<double>(logits[order[kept++]]));
    Sampler sampler(kVocab);
    for (std::uint64_t position = 0; position < 50; ++position) {
      const SamplingOptions options{.temperature = 1.0, .top_p = top_p};
      double left = to_unit(hash_counters(4, position)) * mass;
      std::size_t drawn = 0;
      while ((left -= std::exp(static_cast<double>(logits[order[drawn]]))) >= 0) ++drawn;
      EXPECT_EQ(sampler.sample(logits, options, 4, position), order[drawn]) << top_p;
    }
  }
}

TEST(Sampler, LogitsThatAreNoNumbersGiveNoToken) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInf = std::numeric_limits<float>::infinity();
  Sampler sampler(3);
  for (const double temperature : {0.0, 1.0}) {
    const SamplingOptions options{.temperature = temperature};
    for (const auto& row : {std::vector{kNan, kNan, kNan}, std::vector{1.0F, kInf, 0.0F},
                            std::vector{-kInf, -kInf, -kInf}}) {
      EXPECT_FALSE(sampler.sample(row, options, 1, 1).has_value());
    }
    EXPECT_EQ(sampler.sample(std::vector{-kInf, 1.0F, -kInf}, options, 1, 1), 1U);
  }
  EXPECT_FALSE(sampler.sample(std::vector{0.0F, kNan, 1.0F}, {.temperature = 1.0}, 1, 1));
}

}  // namespace
}  // namespace switchyard::engine
