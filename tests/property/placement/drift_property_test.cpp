// Rebalancing under load: plans made on one window of drifting Zipf loads, scored on the next.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "runtime/placement/metrics.h"
#include "runtime/placement/planner_table.h"
#include "tests/property/placement/random_request.h"
#include "tests/property/placement/window_scores.h"

namespace switchyard::placement {
namespace {

constexpr std::size_t kLayers = 4;
constexpr std::uint64_t kPairs = 60'000;

struct Shape {
  std::size_t experts;
  EvenRanks even;
};

class UnderDrift : public ::testing::TestWithParam<Shape> {};

// In sample in every window. Out of sample sampling noise favours one or the other plan of a
// window, so there the mean difference over the windows may not be above zero by three standard
// errors.
TEST_P(UnderDrift, IsNeverLessEvenThanEplb) {
  const auto [experts, even] = GetParam();
  std::vector<double> differences;
  for (const double sigma : {0.05, 0.3}) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      SCOPED_TRACE(fmt::format("seed {} sigma {}", seed, sigma));
      DriftingLoads source(kLayers, experts, seed);
      auto request = even_request(even, kLayers, experts);
      auto next = source.window(kPairs);
      for (int window = 0; window < 4; ++window) {
        request.loads = std::move(next);
        source.drift(sigma);
        next = source.window(kPairs);
        const auto plan = plan_placement("balanced", request).value();
        EXPECT_LE(imbalance(request, plan, request.loads),
                  eplb_imbalance(request, request.loads) + 1e-9);
        differences.push_back(imbalance(request, plan, next) - eplb_imbalance(request, next));
      }
    }
  }
  const auto count = static_cast<double>(differences.size());
  const double mean = std::accumulate(differences.begin(), differences.end(), 0.0) / count;
  double squares = 0;
  for (const double difference : differences) squares += (difference - mean) * (difference - mean);
  const double error = std::sqrt(squares / (count - 1) / count);
  EXPECT_LE(mean, 3 * error);
  EXPECT_LT(error, 0.01);
  RecordProperty("mean_difference", fmt::format("{:+.4f}", mean));
  RecordProperty("standard_error", fmt::format("{:.4f}", error));
}

// Following the loads with few moves beats standing still, and planning afresh moves far more.
TEST_P(UnderDrift, FollowsTheLoadsWithFewMoves) {
  const auto [experts, even] = GetParam();
  double standing = 0;
  double following = 0;
  double moved = 0;
  double moved_afresh = 0;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    DriftingLoads source(kLayers, experts, seed);
    auto request = even_request(even, kLayers, experts);
    request.loads = source.window(kPairs);
    const auto first = plan_placement("balanced", request).value();
    Placement current = first;
    Placement afresh = first;
    for (int window = 0; window < 4; ++window) {
      source.drift(0.3);
      request.loads = source.window(kPairs);
      request.previous = {};
      auto fresh = plan_placement("balanced", request).value();
      moved_afresh += plan_churn(afresh, fresh);
      afresh = std::move(fresh);
      request.previous = current;
      request.moves.cost = static_cast<double>(kPairs) / static_cast<double>(experts) / 20;
      auto plan = plan_placement("balanced", request).value();
      moved += plan_churn(current, plan);
      current = std::move(plan);
      const auto next = source.window(kPairs);
      standing += imbalance(request, first, next);
      following += imbalance(request, current, next);
    }
  }
  EXPECT_LT(following, standing);
  EXPECT_LT(moved, 0.6 * moved_afresh);
  RecordProperty("standing", fmt::format("{:.4f}", standing / 12));
  RecordProperty("following", fmt::format("{:.4f}", following / 12));
  RecordProperty("churn", fmt::format("{:.4f}", moved / 12));
  RecordProperty("churn_afresh", fmt::format("{:.4f}", moved_afresh / 12));
}

INSTANTIATE_TEST_SUITE_P(Shapes, UnderDrift,
                         ::testing::Values(Shape{16, {4, 5}}, Shape{64, {8, 9}},
                                           Shape{128, {16, 9}}, Shape{256, {32, 9}},
                                           Shape{256, {64, 5}}),
                         [](const auto& shape) {
                           return fmt::format("E{}P{}", shape.param.experts,
                                              shape.param.even.ranks);
                         });

// Where EPLB cannot plan at all: ranks of unequal slots and speeds, copies on two hosts.
TEST(UnequalRanks, ArePlannedForWhereEplbCannot) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    auto request = even_request({6, 0}, kLayers, 64);
    request.loads = DriftingLoads(kLayers, 64, seed).window(kPairs);
    request.replicas = 2;
    const std::size_t slots[] = {40, 30, 20, 20, 15, 15};
    request.ranks.resize(6);
    double speed_sum = 0;
    for (std::size_t r = 0; r < 6; ++r) {
      request.ranks[r].slots = slots[r];
      request.ranks[r].speed = static_cast<double>(slots[r]) / 20;
      request.ranks[r].host = r < 2 ? "a" : r < 4 ? "b" : "c";
      speed_sum += request.ranks[r].speed;
    }
    EXPECT_FALSE(plan_placement("eplb", request).has_value());
    const auto plan = plan_placement("balanced", request).value();
    for (const auto& loads : rank_loads(plan, request.expert_ranks, request.loads)) {
      double slowest = 0;
      for (std::size_t r = 0; r < 6; ++r) {
        slowest = std::max(slowest, loads[r] / request.ranks[r].speed);
      }
      EXPECT_LE(slowest, 1.02 * static_cast<double>(kPairs) / speed_sum);
    }
    for (std::size_t l = 0; l < kLayers; ++l) {
      for (std::uint32_t e = 0; e < 64; ++e) {
        const auto copies = plan.replicas(l, ExpertId(e));
        EXPECT_TRUE(std::ranges::any_of(copies, [&](const Replica& copy) {
          return request.ranks[copy.rank.index()].host !=
                 request.ranks[copies.front().rank.index()].host;
        }));
      }
    }
  }
}

}  // namespace
}  // namespace switchyard::placement
