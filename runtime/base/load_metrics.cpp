#include "runtime/base/load_metrics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "runtime/base/check.h"

namespace switchyard {

LoadMetrics measure_loads(std::span<const double> loads) {
  SY_CHECK(!loads.empty(), "no loads");
  std::vector<double> sorted(loads.begin(), loads.end());
  std::sort(sorted.begin(), sorted.end());
  SY_CHECK(sorted.front() >= 0, "load {}", sorted.front());
  const auto n = static_cast<double>(sorted.size());
  const double sum = std::accumulate(sorted.begin(), sorted.end(), 0.0);
  LoadMetrics out;
  out.dead = static_cast<std::size_t>(std::upper_bound(sorted.begin(), sorted.end(), 0.0) -
                                      sorted.begin());
  if (sum == 0) return out;
  const double mean = sum / n;
  double squares = 0;
  double deviations = 0;
  double ranked = 0;
  double entropy = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const double x = sorted[i];
    squares += x * x;
    deviations += (x - mean) * (x - mean);
    ranked += (2.0 * static_cast<double>(i + 1) - n - 1.0) * x;
    if (x > 0) entropy -= x / sum * std::log(x / sum);
  }
  out.max_over_mean = sorted.back() / mean;
  out.max_violation = out.max_over_mean - 1;
  out.balancedness = mean / sorted.back();
  out.cv = std::sqrt(deviations / n) / mean;
  out.gini = ranked / (n * sum);
  out.entropy = sorted.size() > 1 ? entropy / std::log(n) : 1.0;
  out.jain = sum * sum / (n * squares);
  return out;
}

}  // namespace switchyard
