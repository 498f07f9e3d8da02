// Bounds and symmetries of the load metrics that hold for all loads; a failure prints its seed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "runtime/base/load_metrics.h"
#include "runtime/base/random.h"

namespace switchyard {
namespace {

constexpr double kRounding = 1e-9;

// 1 to 64 loads, some of them zero, from even to steep; not all zero.
std::vector<double> draw_loads(Random& random) {
  std::vector<double> loads(1 + random.next_below(64));
  const double steepness = 6 * random.next_unit();
  for (double& load : loads) {
    const bool dead = random.next_below(4) == 0;
    load = dead ? 0 : std::floor(1 + 1000 * std::exp(-steepness * random.next_unit()));
  }
  loads[random.next_below(loads.size())] += 1;
  return loads;
}

template <class Check>
void for_each_draw(Check&& check) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Random random(seed);
    auto loads = draw_loads(random);
    check(loads, random);
    if (::testing::Test::HasFailure()) return;
  }
}

void expect_equal(const LoadMetrics& a, const LoadMetrics& b) {
  EXPECT_NEAR(a.max_over_mean, b.max_over_mean, kRounding);
  EXPECT_NEAR(a.max_violation, b.max_violation, kRounding);
  EXPECT_NEAR(a.balancedness, b.balancedness, kRounding);
  EXPECT_NEAR(a.cv, b.cv, kRounding);
  EXPECT_NEAR(a.gini, b.gini, kRounding);
  EXPECT_NEAR(a.entropy, b.entropy, kRounding);
  EXPECT_NEAR(a.jain, b.jain, kRounding);
  EXPECT_EQ(a.dead, b.dead);
}

TEST(LoadMetricsLaws, EveryMetricStaysInItsRange) {
  for_each_draw([](const std::vector<double>& loads, Random&) {
    const auto n = static_cast<double>(loads.size());
    const auto m = measure_loads(loads);
    EXPECT_GE(m.max_over_mean, 1 - kRounding);
    EXPECT_LE(m.max_over_mean, n + kRounding);
    EXPECT_GE(m.max_violation, -kRounding);
    EXPECT_LE(m.max_violation, n - 1 + kRounding);
    EXPECT_GE(m.balancedness, 1 / n - kRounding);
    EXPECT_LE(m.balancedness, 1 + kRounding);
    EXPECT_GE(m.cv, 0);
    EXPECT_LE(m.cv, std::sqrt(n - 1) + kRounding);
    EXPECT_GE(m.jain, 1 / n - kRounding);
    EXPECT_LE(m.jain, 1 + kRounding);
    EXPECT_GE(m.gini, -kRounding);
    EXPECT_LE(m.gini, 1 - 1 / n + kRounding);
    EXPECT_GE(m.entropy, -kRounding);
    EXPECT_LE(m.entropy, 1 + kRounding);
    EXPECT_EQ(m.dead, static_cast<std::size_t>(std::count(loads.begin(), loads.end(), 0.0)));
  });
}

TEST(LoadMetricsLaws, TheMetricsAreTiedToEachOther) {
  for_each_draw([](const std::vector<double>& loads, Random&) {
    const auto m = measure_loads(loads);
    EXPECT_NEAR(m.max_violation, m.max_over_mean - 1, kRounding);
    EXPECT_NEAR(m.balancedness * m.max_over_mean, 1, kRounding);
    EXPECT_NEAR(m.jain * (1 + m.cv * m.cv), 1, kRounding);
  });
}

// Neither the order nor the unit of the loads matters.
TEST(LoadMetricsLaws, OrderAndScaleDoNotMatter) {
  for_each_draw([](std::vector<double>& loads, Random& random) {
    const auto before = measure_loads(loads);
    const double scale = 0.001 + 1000 * random.next_unit();
    for (double& load : loads) load *= scale;
    for (std::size_t i = loads.size(); i > 1; --i) {
      std::swap(loads[i - 1], loads[random.next_below(i)]);
    }
    expect_equal(measure_loads(loads), before);
  });
}

// A pair moved from the busiest to the idlest, where that does not overshoot, is an improvement.
TEST(LoadMetricsLaws, EveningOutIsSeenByAll) {
  for_each_draw([](std::vector<double>& loads, Random&) {
    const auto busiest = std::max_element(loads.begin(), loads.end());
    const auto idlest = std::min_element(loads.begin(), loads.end());
    if (*busiest - *idlest < 2) return;
    const auto before = measure_loads(loads);
    *busiest -= 1;
    *idlest += 1;
    const auto after = measure_loads(loads);
    EXPECT_LE(after.max_over_mean, before.max_over_mean + kRounding);
    EXPECT_LT(after.cv, before.cv);
    EXPECT_GT(after.jain, before.jain);
    EXPECT_LT(after.gini, before.gini);
    EXPECT_GT(after.entropy, before.entropy);
  });
}

}  // namespace
}  // namespace switchyard
