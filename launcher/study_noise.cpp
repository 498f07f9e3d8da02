#include "launcher/study_noise.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/base/check.h"
#include "runtime/base/random.h"

namespace switchyard::launcher {
namespace {

constexpr std::size_t kFlips = 1999;
constexpr std::uint64_t kSeed = 0x5EED;

// Mean over standard error, of values with this sum and sum of squares.
double t_of(double sum, double squares, double count) {
  if (sum == 0) return 0;
  const double spread = std::max(0.0, squares - sum * sum / count);
  // All windows say the same.
  if (spread <= 1e-12 * squares) return std::copysign(std::numeric_limits<double>::infinity(), sum);
  return sum / std::sqrt(count * spread / (count - 1));
}

double square_sum(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return sum;
}

}  // namespace

std::optional<double> standard_error(std::span<const double> gains) {
  if (gains.size() < 2) return std::nullopt;
  const auto count = static_cast<double>(gains.size());
  double mean = 0;
  for (const double gain : gains) mean += gain / count;
  double spread = 0;
  for (const double gain : gains) spread += (gain - mean) * (gain - mean);
  return std::sqrt(spread / (count - 1) / count);
}

std::vector<double> chance_of_best(const std::vector<std::vector<double>>& gains) {
  std::vector<double> chances(gains.size(), 1.0);
  if (gains.empty() || gains.front().size() < 2) return chances;
  const std::size_t windows = gains.front().size();
  const auto count = static_cast<double>(windows);
  std::vector<double> squares;
  std::vector<double> seen;  // t of each rule
  for (const auto& rule : gains) {
    SY_CHECK(rule.size() == windows, "{} and {} windows", rule.size(), windows);
    squares.push_back(square_sum(rule));
    double sum = 0;
    for (const double gain : rule) sum += gain;
    seen.push_back(t_of(sum, squares.back(), count));
  }
  std::vector<std::size_t> as_good(gains.size(), 1);  // the study itself
  std::vector<double> signs(windows);
  for (std::size_t flip = 0; flip < kFlips; ++flip) {
    for (std::size_t w = 0; w < windows; ++w) {
      signs[w] = (hash_counters(kSeed, flip, w) & 1) != 0 ? 1 : -1;
    }
    double best = -std::numeric_limits<double>::infinity();
    for (std::size_t r = 0; r < gains.size(); ++r) {
      double sum = 0;
      for (std::size_t w = 0; w < windows; ++w) sum += signs[w] * gains[r][w];
      best = std::max(best, t_of(sum, squares[r], count));
    }
    for (std::size_t r = 0; r < gains.size(); ++r) {
      if (best >= seen[r] - 1e-9) ++as_good[r];
    }
  }
  for (std::size_t r = 0; r < gains.size(); ++r) {
    chances[r] = static_cast<double>(as_good[r]) / static_cast<double>(kFlips + 1);
  }
  return chances;
}

}  // namespace switchyard::launcher
