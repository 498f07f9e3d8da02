// The figures of docs/PLAN.md: plans made on one window of drifting Zipf loads, scored on the next,
// beside EPLB and beside what uniform routing would show by noise alone. Prints the table.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <span>
#include <vector>

#include "runtime/placement/metrics.h"
#include "runtime/placement/planner_table.h"
#include "runtime/placement/rebalance.h"
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

// A placement that is led from window to window by moves that save more than they cost.
struct Led {
  double cost = 0;     // of a move, in mean loads of an expert
  bool gated = false;  // only where a balancer would move anything by itself, by its defaults
  double imbalance = 0;
  double moved = 0;  // share of copies
};

// Means over seeds and windows.
struct Row {
  double contiguous = 0;
  double eplb = 0;
  double eplb_moved = 0;
  double balanced = 0;
  std::array<Led, 4> led{Led{0}, Led{1.0 / 80}, Led{1.0 / 20}, Led{1.0 / 20, true}};
};

// What the balancer would do where loading and stalls take no time.
bool would_go(const PlanRequest& request, const Placement& now, const Placement& plan) {
  const auto traits = effective_ranks(request);
  const std::span<const RankId> ranks(request.expert_ranks);
  const double floor = routing::uniform_noise_floor({request.experts, ranks.size(), kPairs, 20, 0})
                           .rank_max_over_mean;
  return decide_rebalance({&now, &plan, ranks, traits, request.loads, floor}, {},
                          {1, 1, 1, 0, 1, 0})
      .go;
}

Placement lead(PlanRequest request, const Placement& now, const Led& way) {
  request.previous = now;
  request.moves.cost =
      way.cost * static_cast<double>(kPairs) / static_cast<double>(request.experts);
  auto plan = plan_placement("balanced", request).value();
  return way.gated && !would_go(request, now, plan) ? now : plan;
}

void measure(const Shape& shape, double sigma, std::uint64_t seed, Row& row) {
  DriftingLoads source(kLayers, shape.experts, seed);
  auto request = even_request(shape.even, kLayers, shape.experts);
  const auto first = plan_placement("contiguous", request).value();
  request.loads = source.window(kPairs);
  std::vector<Placement> led(row.led.size(), plan_placement("balanced", request).value());
  auto eplb = plan_placement("eplb", request).value();
  for (int window = 0; window < kWindows; ++window) {
    auto next_eplb = plan_placement("eplb", request).value();
    row.eplb_moved += plan_churn(eplb, next_eplb);
    eplb = std::move(next_eplb);
    const auto fresh = plan_placement("balanced", request).value();
    source.drift(sigma);
    const auto next = source.window(kPairs);
    row.contiguous += imbalance(request, first, next);
    row.eplb += eplb_imbalance(request, next);
    row.balanced += imbalance(request, fresh, next);
    for (std::size_t i = 0; i < led.size(); ++i) {
      auto plan = lead(request, led[i], row.led[i]);
      row.led[i].imbalance += imbalance(request, plan, next);
      row.led[i].moved += plan_churn(led[i], plan);
      led[i] = std::move(plan);
    }
    request.loads = next;
  }
}

Row measure(const Shape& shape, double sigma) {
  Row row;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) measure(shape, sigma, seed, row);
  constexpr double kCount = kSeeds * kWindows;
  for (double* sum : {&row.contiguous, &row.eplb, &row.eplb_moved, &row.balanced}) *sum /= kCount;
  for (Led& led : row.led) {
    led.imbalance /= kCount;
    led.moved /= kCount;
  }
  return row;
}

void print(const Shape& shape, double sigma, const Row& row, double floor) {
  fmt::print("| {} | {} x {} | {} | {:.3f} | {:.3f} | {:.0f} % | {:.3f} |", shape.experts,
             shape.even.ranks, shape.even.slots, sigma, row.contiguous, row.eplb,
             100 * row.eplb_moved, row.balanced);
  for (const Led& led : row.led) fmt::print(" {:.3f} | {:.1f} % |", led.imbalance, 100 * led.moved);
  fmt::print(" {:.3f} |\n", floor);
}

TEST(DriftTable, IsNoWorseThanEplbInAnyRow) {
  fmt::print(
      "| experts | ranks x slots | drift | contiguous | EPLB | moved | balanced | freely | moved | "
      "cheaply | moved | followed | moved | gated | moved | floor |\n");
  for (const Shape& shape : {Shape{16, {4, 5}}, Shape{64, {8, 9}}, Shape{128, {16, 9}},
                             Shape{256, {32, 9}}, Shape{256, {64, 5}}}) {
    const double floor =
        routing::uniform_noise_floor({shape.experts, shape.even.ranks, kPairs, 20, 0})
            .rank_max_over_mean;
    for (const double sigma : {0.05, 0.3}) {
      const Row row = measure(shape, sigma);
      print(shape, sigma, row, floor);
      // Sampling noise of a row's mean; the exact comparison is in drift_property_test.cpp.
      constexpr double kNoise = 0.01;
      EXPECT_LE(row.balanced, row.eplb + kNoise);
      for (const Led& led : row.led) EXPECT_LT(led.imbalance, row.contiguous);
    }
  }
}

}  // namespace
}  // namespace switchyard::placement
