// runtime/base/load_metrics.h -- how evenly loads are spread over experts or ranks, under the usual
// names. Below both routing (loads of experts) and placement (loads of ranks), which may not see
// each other. Thread safety: functions without state.
#pragma once

#include <cstddef>
#include <span>

namespace switchyard {

// Of loads x_1..x_n with mean m. All-zero loads count as perfectly even.
struct LoadMetrics {
  double max_over_mean = 1;  // max x / m; perfect 1
  double max_violation = 0;  // max x / m - 1 (MaxVio)
  double balancedness = 1;   // m / max x
  double cv = 0;             // population standard deviation over m
  double gini = 0;           // sum_i (2i - n - 1) x_(i) / (n sum x), ascending
  double entropy = 1;        // -sum q ln q / ln n, q = x / sum x
  double jain = 1;           // (sum x)^2 / (n sum x^2)
  std::size_t dead = 0;      // how many have no load at all
};

// loads [n], n >= 1, not negative.
[[nodiscard]] LoadMetrics measure_loads(std::span<const double> loads);

}  // namespace switchyard
