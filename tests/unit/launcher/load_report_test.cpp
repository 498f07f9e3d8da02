#include "launcher/load_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace switchyard::launcher {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Tokens that choose one expert each: loads[e] times expert e.
routing::Selections tokens_of(const std::vector<std::uint32_t>& loads) {
  routing::Selections out;
  out.slot_begin = {0};
  for (std::uint32_t e = 0; e < loads.size(); ++e) {
    for (std::uint32_t i = 0; i < loads[e]; ++i) {
      out.experts.push_back(ExpertId(e));
      out.weights.push_back(1);
      out.fallbacks.push_back(routing::Fallback::kNone);
      out.slot_begin.push_back(static_cast<std::uint32_t>(out.experts.size()));
    }
  }
  return out;
}

// Layer 0: loads 1, 2, 3, 4. Layer 1: 0, 0, 0, 10. By hand:
//   layer 0  max/mean 1.6, variance 1.25, CV sqrt(1.25)/2.5 = 0.447214, Jain 100/120, Gini 0.25
//   layer 1  max/mean 4, variance 18.75, CV sqrt(18.75)/2.5 = 1.732051, Jain 1/4, Gini 0.75
routing::RoutingStats two_layers() {
  routing::RoutingStats stats({2, 4, 1, routing::Scoring::kSoftmax});
  stats.add(0, tokens_of({1, 2, 3, 4}));
  stats.add(1, tokens_of({0, 0, 0, 10}));
  return stats;
}

// Two routers, the second an expert as well, and an expert: 30 and 10 pairs served.
engine::ClusterReport three_ranks() {
  engine::ClusterReport cluster;
  cluster.ranks.resize(3);
  for (std::uint32_t r = 0; r < 3; ++r) cluster.ranks[r].rank = RankId(r);
  cluster.ranks[0].router = true;
  cluster.ranks[0].counters.pairs_dispatched = 25;
  cluster.ranks[0].counters.pairs_sent_away = 25;
  cluster.ranks[1].router = cluster.ranks[1].expert = true;
  cluster.ranks[1].counters.pairs_dispatched = 15;
  cluster.ranks[1].counters.pairs_sent_away = 5;
  cluster.ranks[1].counters.pairs_served = 30;
  cluster.ranks[2].expert = true;
  cluster.ranks[2].counters.pairs_served = 10;
  return cluster;
}

TEST(LoadReport, PutsTheLayersTogether) {
  const auto experts = load_json(two_layers(), 2, three_ranks())["experts"];
  EXPECT_NEAR(experts["imbalance"], (1.6 + 4) / 2, 1e-12);
  EXPECT_NEAR(experts["imbalance_worst"], 4, 1e-12);
  EXPECT_NEAR(experts["max_vio"], (0.6 + 3) / 2, 1e-12);
  EXPECT_NEAR(experts["balancedness"], (2.5 + 2.5) / (4 + 10), 1e-12);
  EXPECT_NEAR(experts["cv"], (std::sqrt(1.25) + std::sqrt(18.75)) / 2.5 / 2, 1e-12);
  EXPECT_NEAR(experts["jain"], (100.0 / 120 + 0.25) / 2, 1e-12);
  EXPECT_NEAR(experts["gini"], (0.25 + 0.75) / 2, 1e-12);
  EXPECT_NEAR(experts["load_entropy"], 0.923220 / 2, 1e-6);
  EXPECT_EQ(experts["dead_experts"], 3);
}

TEST(LoadReport, SaysHowTheRanksShareTheWork) {
  const auto load = load_json(two_layers(), 2, three_ranks());
  const auto& ranks = load["ranks"];  // of 30 and 10: mean 20, standard deviation 10
  EXPECT_NEAR(ranks["imbalance"], 1.5, 1e-12);
  EXPECT_NEAR(ranks["max_vio"], 0.5, 1e-12);
  EXPECT_NEAR(ranks["balancedness"], 2.0 / 3, 1e-12);
  EXPECT_NEAR(ranks["cv"], 0.5, 1e-12);
  EXPECT_NEAR(ranks["jain"], 1600.0 / 2000, 1e-12);
  EXPECT_FALSE(ranks.contains("dead_experts"));
  EXPECT_NEAR(load["cross_rank_share"], 30.0 / 40, 1e-12);
}

// Ranks 0 and 1 on host a, 2 on host b. Rank 0 sent 15 pairs to rank 1 and 10 to rank 2, rank 1
// sent 5 to rank 2 and kept 10: 15 of 40 crossed hosts.
TEST(LoadReport, SaysHowMuchCrossedHosts) {
  auto cluster = three_ranks();
  cluster.ranks[0].host = cluster.ranks[1].host = "a";
  cluster.ranks[2].host = "b";
  cluster.ranks[0].counters.pairs_sent = {0, 15, 10};
  cluster.ranks[1].counters.pairs_sent = {0, 0, 5};
  EXPECT_NEAR(load_json(two_layers(), 2, cluster)["cross_host_share"], 15.0 / 40, 1e-12);
  cluster.ranks[2].host = "a";
  EXPECT_EQ(cross_host_share(cluster), 0);
  // Of a rank that died nobody knows the host: 10 and 5 pairs are left out.
  cluster.ranks[1].host = "b";
  cluster.ranks.pop_back();
  EXPECT_NEAR(cross_host_share(cluster), 15.0 / 25, 1e-12);
  EXPECT_EQ(cross_host_share({}), 0);
}

// Twenty pairs over two ranks and four experts cannot be expected to be even.
TEST(LoadReport, SaysWhatUniformRoutingWouldShow) {
  const auto load = load_json(two_layers(), 2, three_ranks());
  EXPECT_GT(load["experts"]["imbalance_floor"], 1.2);
  EXPECT_LT(load["experts"]["imbalance_floor"], 2.5);
  EXPECT_GT(load["ranks"]["imbalance_floor"], 1.02);
  EXPECT_LT(load["ranks"]["imbalance_floor"], load["experts"]["imbalance_floor"]);
  EXPECT_EQ(load_json({}, 0, {})["ranks"]["imbalance_floor"], 1);
}

TEST(LoadReport, OneLayerHasTheSameKeys) {
  const auto layer = load_metrics_json(two_layers().load_metrics(0));
  EXPECT_NEAR(layer["max_vio"], 0.6, 1e-12);
  EXPECT_NEAR(layer["balancedness"], 0.625, 1e-12);
  EXPECT_NEAR(layer["cv"], std::sqrt(1.25) / 2.5, 1e-12);
  EXPECT_NEAR(layer["jain"], 100.0 / 120, 1e-12);
  EXPECT_EQ(layer["dead_experts"], 0);
  EXPECT_EQ(load_metrics_json(two_layers().load_metrics(1))["dead_experts"], 3);
}

TEST(LoadReport, IsThereForPeople) {
  const auto text = load_text(two_layers(), 2, three_ranks());
  EXPECT_THAT(text, HasSubstr("busiest expert 4.00 x"));
  EXPECT_THAT(text, HasSubstr("3 of 8 experts had no token"));
  EXPECT_THAT(text, HasSubstr("experts: MaxVio 1.80, balancedness 0.36, CV 1.09, Jain 0.54"));
  EXPECT_THAT(text, HasSubstr("ranks: MaxVio 0.50, balancedness 0.67, CV 0.50, Jain 0.80"));
}

// Ranks that left or died have done their part: their pairs count with their slots.
TEST(LoadReport, CountsRanksThatAreGone) {
  auto cluster = three_ranks();
  cluster.ranks[2].expert = false;  // drained at the end
  auto ranks = load_json(two_layers(), 2, cluster)["ranks"];
  EXPECT_NEAR(ranks["imbalance"], 1.5, 1e-12);
  EXPECT_EQ(ranks["at_least"], false);
  cluster.died.push_back({RankId(3), {}});
  cluster.died.back().last.expert = true;
  cluster.died.back().last.pairs_served = 15;
  cluster.died.push_back(cluster.died.back());  // a later life in the slot
  cluster.died.back().last.pairs_served = 5;
  ranks = load_json(two_layers(), 2, cluster)["ranks"];  // of 30, 10 and 20
  EXPECT_NEAR(ranks["imbalance"], 1.5, 1e-12);
  EXPECT_NEAR(ranks["balancedness"], 2.0 / 3, 1e-12);
  EXPECT_NEAR(ranks["jain"], 3600.0 / 3 / 1400, 1e-12);
  EXPECT_EQ(ranks["at_least"], true);
  EXPECT_THAT(load_text(two_layers(), 2, cluster),
              HasSubstr("by what is known of those that died"));
}

// One rank alone is even by itself, and a run without statistics says nothing wrong.
TEST(LoadReport, OfOneRankOrOfNothingIsWritten) {
  engine::ClusterReport one;
  one.ranks.resize(1);
  one.ranks[0].expert = true;
  EXPECT_THAT(load_text(two_layers(), 2, one), Not(HasSubstr("ranks:")));
  const auto nothing = load_json({}, 0, {});
  EXPECT_EQ(nothing["experts"]["balancedness"], 1);
  EXPECT_EQ(nothing["cross_rank_share"], 0);
  EXPECT_THAT(load_text({}, 0, {}), HasSubstr("0 of 0 experts"));
}

}  // namespace
}  // namespace switchyard::launcher
