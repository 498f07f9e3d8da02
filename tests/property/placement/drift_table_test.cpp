// The figures of docs/PLAN.md: plans made on one window of drifting Zipf loads, scored on the next,
// beside EPLB and beside what uniform routing would show by noise alone. Prints the table.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "runtime/placement/metrics.h"
#include "runtime/placement/planner_table.h"
#include "runtime/routing/noise_floor.h"
#include "tests/property/placement/random_request.h"
#include "tests/property/placement/window_scores.h"

namespace switchyard::placement {
namespace {

constexpr std::size_t kLayers = 4;
constexpr std::uint64_t kPairs = 60'000;
constexpr int kSeeds = 16;
constexpr int kWindows = 4;

struct Shape {
  std::size_t experts;
  EvenRanks even;
};

// Means over seeds and windows.
struct Row {
  double contiguous = 0;
  double eplb = 0;
  double balanced = 0;
  double eplb_moved = 0;  // share of copies, from window to window
  double freely = 0;      // from the placement that is there, moves for nothing
  double freely_moved = 0;
  double followed = 0;  // the same, only moves that pay
  double followed_moved = 0;
};

Row measure(const Shape& shape, double sigma) {
  Row row;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    DriftingLoads source(kLayers, shape.experts, seed);
    auto request = even_request(shape.even, kLayers, shape.experts);
    const auto first = plan_placement("contiguous", request).value();
    request.loads = source.window(kPairs);
    Placement current = plan_placement("balanced", request).value();
    Placement freely = current;
    Placement eplb = plan_placement("eplb", request).value();
    for (int window = 0; window < kWindows; ++window) {
      request.previous = current;
      request.moves.cost = static_cast<double>(kPairs) / static_cast<double>(shape.experts) / 20;
      auto followed = plan_placement("balanced", request).value();
      request.moves = {};
      request.previous = freely;
      auto next_freely = plan_placement("balanced", request).value();
      request.previous = {};
      auto next_eplb = plan_placement("eplb", request).value();
      const auto fresh = plan_placement("balanced", request).value();
      source.drift(sigma);
      const auto next = source.window(kPairs);
      row.contiguous += imbalance(request, first, next);
      row.eplb += eplb_imbalance(request, next);
      row.balanced += imbalance(request, fresh, next);
      row.eplb_moved += plan_churn(eplb, next_eplb);
      eplb = std::move(next_eplb);
      row.freely += imbalance(request, next_freely, next);
      row.freely_moved += plan_churn(freely, next_freely);
      freely = std::move(next_freely);
      row.followed += imbalance(request, followed, next);
      row.followed_moved += plan_churn(current, followed);
      current = std::move(followed);
      request.loads = next;
    }
  }
  for (double* value : {&row.contiguous, &row.eplb, &row.eplb_moved, &row.balanced, &row.freely,
                        &row.freely_moved, &row.followed, &row.followed_moved}) {
    *value /= kSeeds * kWindows;
  }
  return row;
}

TEST(DriftTable, IsNoWorseThanEplbInAnyRow) {
  fmt::print(
      "| experts | ranks x slots | drift | contiguous | EPLB | moved | balanced | freely | moved | "
      "followed | moved | floor |\n");
  for (const Shape& shape : {Shape{16, {4, 5}}, Shape{64, {8, 9}}, Shape{128, {16, 9}},
                             Shape{256, {32, 9}}, Shape{256, {64, 5}}}) {
    const double floor =
        routing::uniform_noise_floor({shape.experts, shape.even.ranks, kPairs, 20, 0})
            .rank_max_over_mean;
    for (const double sigma : {0.05, 0.3}) {
      const Row row = measure(shape, sigma);
      fmt::print(
          "| {} | {} x {} | {} | {:.3f} | {:.3f} | {:.0f} % | {:.3f} | {:.3f} | {:.0f} % | {:.3f} |"
          " {:.1f} % | {:.3f} |\n",
          shape.experts, shape.even.ranks, shape.even.slots, sigma, row.contiguous, row.eplb,
          100 * row.eplb_moved, row.balanced, row.freely, 100 * row.freely_moved, row.followed,
          100 * row.followed_moved, floor);
      // Sampling noise of a row's mean; the exact comparison is in drift_property_test.cpp.
      constexpr double kNoise = 0.01;
      EXPECT_LE(row.balanced, row.eplb + kNoise);
      EXPECT_LT(row.followed, row.contiguous);
    }
  }
}

}  // namespace
}  // namespace switchyard::placement
