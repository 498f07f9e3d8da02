#include "runtime/routing/scores.h"

#include <limits>

#include "runtime/routing/ranking.h"
#include "tests/unit/routing/routing_helpers.h"

namespace switchyard::routing {
namespace {

TEST(Exp, AgreesWithTheLibraryBelowZero) {
  double worst = 0;
  for (int i = 0; i <= 870000; ++i) {
    const float x = -1e-4F * static_cast<float>(i);
    const double exact = std::exp(static_cast<double>(x));
    worst = std::max(worst, std::abs(static_cast<double>(exp_nonpositive(x)) / exact - 1));
  }
  EXPECT_LT(worst, 2e-7);
  EXPECT_EQ(exp_nonpositive(0.0F), 1.0F);
  EXPECT_EQ(exp_nonpositive(-88.0F), 0.0F);
  EXPECT_EQ(exp_nonpositive(-std::numeric_limits<float>::infinity()), 0.0F);
}

TEST(Log, AgreesWithTheLibrary) {
  for (double x = 1e-30; x < 1e30; x *= 1.37) {
    EXPECT_NEAR(log_positive(x), std::log(x), 1e-13 * std::max(1.0, std::abs(std::log(x)))) << x;
  }
  EXPECT_EQ(log_positive(1.0), 0.0);
}

TEST(Softmax, AgreesWithDoubleForEveryWidth) {
  for (const std::size_t experts : {1U, 2U, 3U, 7U, 8U, 9U, 16U, 60U, 64U, 128U, 256U, 1024U}) {
    const auto logits = testing::synthetic_gate(20, experts, experts, 3.0);
    ScoreRow row;
    for (std::size_t t = 0; t < 20; ++t) {
      const auto z = std::span(logits).subspan(t * experts, experts);
      score_row(Scoring::kSoftmax, z, row);
      ASSERT_TRUE(row.finite);
      const double top = *std::max_element(z.begin(), z.end());
      double sum = 0;
      for (const float v : z) sum += std::exp(static_cast<double>(v) - top);
      double entropy = 0;
      for (std::size_t e = 0; e < experts; ++e) {
        const double p = std::exp(static_cast<double>(z[e]) - top) / sum;
        ASSERT_NEAR(static_cast<double>(row.scores[e]), p, 1e-6);
        if (p > 0) entropy -= p * std::log(p);
      }
      const double normalised = experts > 1 ? entropy / std::log(experts) : 0;
      ASSERT_NEAR(static_cast<double>(normalised_entropy(Scoring::kSoftmax, row)), normalised,
                  2e-6);
      ASSERT_NEAR(log_sum_exp(row), top + std::log(sum), 1e-5);
    }
  }
}

TEST(Softmax, SurvivesTheLargestFiniteLogits) {
  const std::vector<float> z = {-3.4e38F, 3.4e38F, 0.0F};
  ScoreRow row;
  score_row(Scoring::kSoftmax, z, row);
  ASSERT_TRUE(row.finite);
  EXPECT_EQ(row.scores[0], 0.0F);
  EXPECT_EQ(row.scores[1], 1.0F);
  EXPECT_EQ(normalised_entropy(Scoring::kSoftmax, row), 0.0F);
}

TEST(Softmax, NoticesEveryNonFinitePlace) {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    for (std::size_t e = 0; e < 13; ++e) {
      std::vector<float> z(13, 0.5F);
      z[e] = bad;
      ScoreRow row;
      score_row(Scoring::kSoftmax, z, row);
      EXPECT_FALSE(row.finite) << bad << " at " << e;
    }
  }
}

TEST(Sigmoid, MatchesTheGoldenVector) {
  const double expected[] = {0.880797, 0.268941, 0.622459, 0.817574,
                             0.377541, 0.5,      0.731059, 0.119203};
  ScoreRow row;
  score_row(Scoring::kSigmoid, testing::kGolden, row);
  double total = 0;
  for (std::size_t e = 0; e < 8; ++e) {
    EXPECT_NEAR(static_cast<double>(row.scores[e]), expected[e], 1e-6);
    total += expected[e];
  }
  EXPECT_NEAR(static_cast<double>(row.total), total, 1e-5);
}

TEST(Ranking, PutsLowerIdsFirstOnTies) {
  const std::vector<float> keys = {1, 3, 2, 3, 1, 3};
  Ranked ranked;
  for (std::size_t count = 1; count <= 6; ++count) {
    rank_best(keys, count, ranked);
    const std::uint32_t expected[] = {1, 3, 5, 2, 0, 4};
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(ranked.ids[i], expected[i]);
  }
}

// The short scan and the sort behind it must agree; 40 is beyond the scan.
TEST(Ranking, IsTheSamePrefixForEveryCount) {
  Random random(7);
  std::vector<float> keys(64);
  for (float& key : keys) key = static_cast<float>(random.next_below(20));
  Ranked all;
  rank_best(keys, 64, all);
  for (std::size_t count = 1; count <= 64; ++count) {
    Ranked some;
    rank_best(keys, count, some);
    for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(some.ids[i], all.ids[i]) << count;
  }
}

TEST(Ranking, GroupsCompeteByTheirTwoBest) {
  const std::vector<float> keys = {0.9F, 0.1F, 0.6F, 0.5F, 0.8F, 0.25F, 0.0F, 0.0F};
  Ranked ranked;
  rank_best_in_groups(keys, {4, 2}, 3, ranked);  // sums 1.0, 1.1, 1.05, 0
  EXPECT_EQ(ranked.ids[0], 4U);
  EXPECT_EQ(ranked.ids[1], 2U);
  EXPECT_EQ(ranked.ids[2], 3U);
}

TEST(Ranking, NeverTakesARemovedGroupOverNegativeKeys) {
  const std::vector<float> keys = {-5, -6, 1, -9, -1, -2};  // sums -11, -8, -3
  Ranked ranked;
  rank_best_in_groups(keys, {3, 2}, 4, ranked);
  EXPECT_EQ(ranked.ids[3], 3U);  // the worst of the kept groups, not 0 or 1
}

}  // namespace
}  // namespace switchyard::routing
