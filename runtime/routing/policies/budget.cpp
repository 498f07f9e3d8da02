#include "runtime/routing/policies/budget.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace switchyard::routing {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Calls solve(begin_layer, end_layer) for all layers together or one by one and copies its answer
// to each of them.
template <class Solve>
Result<LayerThresholds> by_pool(std::size_t layers, Pooling pooling, std::size_t count,
                                Solve&& solve) {
  LayerThresholds out;
  out.count = count;
  const std::size_t width = pooling == Pooling::kAllLayers ? layers : 1;
  for (std::size_t begin = 0; begin < layers; begin += width) {
    SY_ASSIGN(const std::vector<double> found, solve(begin, begin + width));
    for (std::size_t l = 0; l < width; ++l) {
      out.values.insert(out.values.end(), found.begin(), found.end());
    }
  }
  return out;
}

[[nodiscard]] Result<std::size_t> recorded(const RecordedTokens& tokens, std::size_t begin,
                                           std::size_t end) {
  std::size_t count = 0;
  for (std::size_t l = begin; l < end; ++l) count += tokens.count(l);
  if (count == 0) {
    return fail(ErrorCode::kBadInput, "calibration: no tokens were recorded in layer {}", begin);
  }
  return count;
}

// The value that exactly `kept` of the critical values reach or pass, as far as ties allow:
// half-way between the last kept and the first dropped one, so that rounding elsewhere cannot flip
// either.
[[nodiscard]] double cut(std::vector<double>& critical, std::size_t kept) {
  const auto larger = std::greater<double>();
  if (kept == 0)
    return critical.empty()
               ? 1.0
               : std::nextafter(*std::min_element(critical.begin(), critical.end(), larger),
                                kInfinity);
  if (kept >= critical.size()) return 0.0;
  const auto middle = critical.begin() + static_cast<std::ptrdiff_t>(kept);
  std::nth_element(critical.begin(), middle, critical.end(), larger);
  const double first_dropped = *middle;
  const double last_kept = *std::min_element(critical.begin(), middle);
  if (first_dropped == last_kept) return last_kept;
  return last_kept - (last_kept - first_dropped) / 2;
}

// u_m, m = 1..steps: the quantile of the score from which on a token gets k_min + m experts.
[[nodiscard]] double step_quantile(std::size_t m, std::size_t steps, double gamma) {
  return std::pow((static_cast<double>(m) - 0.5) / static_cast<double>(steps), 1.0 / gamma);
}

// The ascending thresholds of a ramp, and in `extra` the mean of #{m: score >= threshold_m}.
[[nodiscard]] std::vector<double> ramp(const std::vector<float>& sorted, std::size_t steps,
                                       double gamma, double& extra) {
  std::vector<double> thresholds;
  const auto n = static_cast<double>(sorted.size());
  extra = 0;
  for (std::size_t m = 1; m <= steps; ++m) {
    const auto at = static_cast<std::size_t>(step_quantile(m, steps, gamma) * n);
    const double threshold = at >= sorted.size()
                                 ? std::nextafter(static_cast<double>(sorted.back()), kInfinity)
                                 : static_cast<double>(sorted[at]);
    const auto below = std::lower_bound(sorted.begin(), sorted.end(), threshold) - sorted.begin();
    extra += (n - static_cast<double>(below)) / n;
    thresholds.push_back(threshold);
  }
  return thresholds;
}

// Many equal scores (tokens never seen before) pass a ramp's thresholds all or none. Moves the
// upper thresholds above their own ties, one by one, as long as that brings `extra` closer to what
// is wanted.
void split_ties(const std::vector<float>& sorted, double wanted, double extra,
                std::vector<double>& thresholds) {
  const auto n = static_cast<double>(sorted.size());
  for (std::size_t m = thresholds.size(); m-- > 0 && extra > wanted;) {
    const auto tied = std::equal_range(sorted.begin(), sorted.end(), thresholds[m]);
    const double fewer = extra - static_cast<double>(tied.second - tied.first) / n;
    if (std::abs(fewer - wanted) >= std::abs(extra - wanted)) return;
    extra = fewer;
    thresholds[m] = tied.second == sorted.end()
                        ? std::nextafter(static_cast<double>(sorted.back()), kInfinity)
                        : static_cast<double>(*tied.second);
  }
}

[[nodiscard]] std::vector<double> solve_ramp(const std::vector<float>& sorted, std::size_t steps,
                                             double wanted) {
  double low = -12;  // ln g; a larger g gives fewer experts
  double high = 12;
  double extra = 0;
  if (wanted >= static_cast<double>(steps)) {
    return std::vector<double>(steps, static_cast<double>(sorted.front()));
  }
  if (wanted <= 0) {
    return std::vector<double>(steps,
                               std::nextafter(static_cast<double>(sorted.back()), kInfinity));
  }
  constexpr int kBisections = 60;
  for (int i = 0; i < kBisections; ++i) {
    const double middle = (low + high) / 2;
    (void)ramp(sorted, steps, std::exp(middle), extra);
    (extra > wanted ? low : high) = middle;
  }
  // Ties can make the mean jump at g; take the closer side.
  double extra_low = 0;
  double extra_high = 0;
  std::vector<double> more = ramp(sorted, steps, std::exp(low), extra_low);
  std::vector<double> fewer = ramp(sorted, steps, std::exp(high), extra_high);
  const bool closer_above = std::abs(extra_low - wanted) < std::abs(extra_high - wanted);
  std::vector<double>& closer = closer_above ? more : fewer;
  split_ties(sorted, wanted, closer_above ? extra_low : extra_high, closer);
  return closer;
}

}  // namespace

Result<LayerThresholds> solve_ease(const RecordedTokens& tokens, std::size_t layers, KRange range,
                                   double mean_k, Pooling pooling, Ease ease) {
  return by_pool(
      layers, pooling, 1, [&](std::size_t begin, std::size_t end) -> Result<std::vector<double>> {
        SY_ASSIGN(const std::size_t count, recorded(tokens, begin, end));
        std::vector<double> critical;
        critical.reserve(count * (range.high - range.low));
        for (std::size_t l = begin; l < end; ++l) {
          tokens.visit(l, range.high, {}, [&](const TokenView& token) {
            for (std::size_t j = range.low; j < range.high; ++j) {
              critical.push_back(ease(token, j));
            }
          });
        }
        const double extra = (mean_k - static_cast<double>(range.low)) * static_cast<double>(count);
        return std::vector<double>{cut(critical, static_cast<std::size_t>(std::llround(extra)))};
      });
}

Result<LayerThresholds> solve_score(const RecordedTokens& tokens, std::size_t layers, KRange range,
                                    double mean_k, Pooling pooling, RuleNeeds needs,
                                    const Score& score) {
  const std::size_t steps = range.high - range.low;
  return by_pool(
      layers, pooling, steps,
      [&](std::size_t begin, std::size_t end) -> Result<std::vector<double>> {
        SY_ASSIGN(const std::size_t count, recorded(tokens, begin, end));
        std::vector<float> scores;
        scores.reserve(count);
        for (std::size_t l = begin; l < end; ++l) {
          tokens.visit(l, std::max<std::size_t>(range.high, 2), needs,
                       [&](const TokenView& token) { scores.push_back(score(token)); });
        }
        if (!std::all_of(scores.begin(), scores.end(), [](float s) { return std::isfinite(s); })) {
          return fail(ErrorCode::kBadInput,
                      "calibration: layer {}: the estimator's signal was not recorded or "
                      "is not finite",
                      begin);
        }
        std::sort(scores.begin(), scores.end());
        return solve_ramp(scores, steps, mean_k - static_cast<double>(range.low));
      });
}

}  // namespace switchyard::routing
