#include "runtime/routing/routing_stats.h"

#include <gmock/gmock.h>

#include "runtime/routing/noise_floor.h"
#include "tests/unit/routing/routing_helpers.h"

namespace switchyard::routing {
namespace {

using testing::convention;
using ::testing::ElementsAre;
using testing::route;
using testing::router;

TEST(LoadMetrics, MatchTheGoldenVector) {
  const std::vector<double> loads = {10, 20, 30, 40};
  const LoadMetrics m = measure_loads(loads);
  EXPECT_NEAR(m.max_over_mean, 1.6, 1e-12);
  EXPECT_NEAR(m.max_violation, 0.6, 1e-12);
  EXPECT_NEAR(m.balancedness, 0.625, 1e-12);
  EXPECT_NEAR(m.cv, 0.447214, 1e-6);
  EXPECT_NEAR(m.gini, 0.25, 1e-12);
  EXPECT_NEAR(m.entropy, 0.923220, 1e-6);
  EXPECT_NEAR(m.jain, 0.833333, 1e-6);
  EXPECT_EQ(m.dead, 0U);
}

TEST(LoadMetrics, SurviveNothingAndOne) {
  EXPECT_EQ(measure_loads(std::vector<double>{0, 0}).dead, 2U);
  EXPECT_EQ(measure_loads(std::vector<double>{0, 0}).max_over_mean, 1.0);
  EXPECT_EQ(measure_loads(std::vector<double>{7}).entropy, 1.0);
  const auto one_hot = measure_loads(std::vector<double>{0, 0, 0, 8});
  EXPECT_EQ(one_hot.max_over_mean, 4.0);
  EXPECT_EQ(one_hot.entropy, 0.0);
  EXPECT_EQ(one_hot.gini, 0.75);
}

Selections three_tokens() {  // k = 1, 3, 2
  Selections out;
  out.slot_begin = {0, 1, 4, 6};
  for (const std::uint32_t e : {0U, 0U, 1U, 2U, 0U, 3U}) out.experts.push_back(ExpertId(e));
  out.weights.assign(6, 0.5F);
  out.fallbacks = {Fallback::kSingleExpert, Fallback::kNone, Fallback::kNone};
  return out;
}

TEST(RoutingStats, CountsWhatWasDecided) {
  RoutingStats stats({2, 4, 3});
  stats.add(1, three_tokens());
  stats.add(0, three_tokens(), 1);  // the last two tokens only
  EXPECT_EQ(stats.decision_count(), 5U);
  EXPECT_EQ(stats.slot_count(), 11U);
  EXPECT_DOUBLE_EQ(stats.mean_k(), 2.2);
  EXPECT_DOUBLE_EQ(stats.mean_k(0), 2.5);
  EXPECT_DOUBLE_EQ(stats.mean_k(1), 2.0);
  EXPECT_THAT(stats.k_histogram(), ElementsAre(0, 1, 2, 2));
  EXPECT_THAT(stats.expert_loads(1), ElementsAre(3, 1, 1, 1));
  EXPECT_THAT(stats.expert_loads(0), ElementsAre(2, 1, 1, 1));
  EXPECT_NEAR(stats.sigma_k(), std::sqrt((1 + 2 * 4 + 2 * 9) / 5.0 - 2.2 * 2.2), 1e-12);
  EXPECT_THAT(stats.fallback_counts(), ElementsAre(4, 0, 1, 0));
  EXPECT_DOUBLE_EQ(stats.load_metrics(1).max_over_mean, 2.0);
}

// Layer 0: k 1, 2, 3, 3: pairs (1,2), (2,3), (3,3). Means 2 and 8/3; sums of squares about them 2
// and 2/3, of products 1: 1 / sqrt(4/3). Layer 1: 4, 2, 4, 2: -1; (4,2), (2,4), (4,2) give 8/3,
// 8/3, -8/3.
TEST(RoutingStats, CorrelatesKWithTheNextTokens) {
  RoutingStats stats({2, 4, 4});
  EXPECT_EQ(stats.k_autocorrelation(), 0);
  for (const auto& [k, next] : {std::pair{1, 2}, {2, 3}, {3, 3}}) stats.add_succession(0, k, next);
  EXPECT_NEAR(stats.k_autocorrelation(0), 1 / std::sqrt(4.0 / 3), 1e-12);
  EXPECT_NEAR(stats.k_autocorrelation(), 1 / std::sqrt(4.0 / 3), 1e-12);
  RoutingStats other({2, 4, 4});
  for (const auto& [k, next] : {std::pair{4, 2}, {2, 4}, {4, 2}}) other.add_succession(1, k, next);
  EXPECT_NEAR(other.k_autocorrelation(1), -1, 1e-12);
  ASSERT_TRUE(stats.merge(other.counts(), other.sums()));
  EXPECT_NEAR(stats.k_autocorrelation(),
              (1 - 8.0 / 3) / std::sqrt((2 + 8.0 / 3) * (2.0 / 3 + 8.0 / 3)), 1e-12);
  EXPECT_EQ(stats.decision_count(), 0U) << "successions are no decisions";
  RoutingStats still({1, 4, 4});
  for (int i = 0; i < 1000; ++i) still.add_succession(0, 3, 3);
  EXPECT_EQ(still.k_autocorrelation(), 0);
}

TEST(RoutingStats, IsTheSameInPartsAndMerged) {
  const auto conv = convention(16, 4);
  const auto made = router("top-p:theta=0.7,k_max=6", conv);
  const auto logits = testing::synthetic_gate(200, 16, 4);
  const MatrixView<const float> all(logits.data(), 200, 16);
  const auto stats_of = [&](std::size_t begin, std::size_t count) {
    RoutingStats stats({1, 16, 6});
    Selections out;
    made->route(0, all.slice_rows(begin, count), {}, out);
    stats.add(0, out);
    stats.add_gate(0, all.slice_rows(begin, count));
    return stats;
  };
  const auto whole = stats_of(0, 200);
  auto merged = stats_of(0, 77);
  const auto rest = stats_of(77, 123);
  ASSERT_TRUE(merged.merge(rest.counts(), rest.sums()).has_value());
  EXPECT_EQ(merged.counts(), whole.counts());
  for (std::size_t i = 0; i < whole.sums().size(); ++i) {
    EXPECT_NEAR(merged.sums()[i], whole.sums()[i], 1e-9);
  }
  EXPECT_FALSE(merged.merge(rest.counts(), {}).has_value());
  merged.clear();
  EXPECT_EQ(merged.mean_k(), 0.0);
}

TEST(RoutingStats, MeasuresTheGate) {
  RoutingStats stats({1, 8, 2});
  std::vector<float> logits = testing::kGolden;
  logits.insert(logits.end(), 8, NAN);  // left out
  stats.add_gate(0, MatrixView<const float>(logits.data(), 2, 8));
  EXPECT_NEAR(stats.routing_entropy(), 0.767457, 1e-6);
  const double lse = 2 - std::log(0.402728);
  EXPECT_NEAR(stats.z_loss(0), lse * lse, 1e-5);
  // One token on experts 0 and 3: E * (0.5 p_0 + 0.5 p_3).
  stats.add(0, route(*router("topk", convention(8, 2)), testing::kGolden, 8));
  EXPECT_NEAR(stats.balance_loss_switch(0), 8 * 0.5 * 0.646995, 1e-5);
  EXPECT_NEAR(stats.balance_loss_per_token(0), 8 * 0.646995, 1e-5);
}

TEST(RoutingStats, EvenRoutingHasBalanceLossOne) {
  RoutingStats stats({1, 4, 1});
  std::vector<float> logits(16, 0.0F);
  for (std::size_t t = 0; t < 4; ++t) logits[t * 4 + t] = 1;
  const MatrixView<const float> view(logits.data(), 4, 4);
  stats.add_gate(0, view);
  stats.add(0, route(*router("topk", convention(4, 1)), logits, 4));
  EXPECT_NEAR(stats.balance_loss_switch(0), 1.0, 1e-6);
}

// Against an independent simulation (mean of 20 draws each; sampling error well below 8 %).
TEST(NoiseFloor, AgreesWithTheTable) {
  struct Case {
    std::size_t experts, ranks;
    std::uint64_t assignments;
    double expert, rank;
  };
  for (const Case& c :
       {Case{16, 4, 128, 1.66, 1.18}, Case{16, 4, 65536, 1.03, 1.01}, Case{64, 8, 1024, 1.58, 1.13},
        Case{128, 8, 8192, 1.35, 1.04}, Case{256, 32, 1024, 2.70, 1.36}}) {
    const auto floor = uniform_noise_floor({c.experts, c.ranks, c.assignments, 100, 1});
    EXPECT_NEAR(floor.expert_max_over_mean / c.expert, 1, 0.08) << c.experts;
    EXPECT_NEAR(floor.rank_max_over_mean / c.rank, 1, 0.08) << c.experts;
  }
  const auto many = uniform_noise_floor({16, 4, std::uint64_t{1} << 40, 5, 1});
  EXPECT_LT(many.expert_max_over_mean, 1.001);
  EXPECT_GE(many.rank_max_over_mean, 1.0);
  EXPECT_EQ(uniform_noise_floor({16, 4, 0, 5, 1}).expert_max_over_mean, 1.0);
}

}  // namespace
}  // namespace switchyard::routing
