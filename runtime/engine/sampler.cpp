#include "runtime/engine/sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/ops/greatest.h"
#include "runtime/base/random.h"

namespace switchyard::engine {
namespace {

// In lanes, so that one comparison does not wait for the one before. A NaN is never the highest.
float highest_of(std::span<const float> logits) {
  constexpr std::size_t kLanes = 32;
  std::array<float, kLanes> lanes{};
  lanes.fill(-std::numeric_limits<float>::infinity());
  std::size_t i = 0;
  for (; i + kLanes <= logits.size(); i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] = logits[i + lane] > lanes[lane] ? logits[i + lane] : lanes[lane];
    }
  }
  for (; i < logits.size(); ++i) lanes[0] = logits[i] > lanes[0] ? logits[i] : lanes[0];
  return *std::ranges::max_element(lanes);
}

// Softmax weight, not normalised: 1 for the highest.
double weight(float logit, float highest, double temperature) {
  return std::exp((static_cast<double>(logit) - static_cast<double>(highest)) / temperature);
}

}  // namespace

// Softmax weights by id; their sum.
double Sampler::weigh(std::span<const float> logits, float highest, double temperature) {
  weights_.resize(logits.size());
  double sum = 0;
  for (std::size_t token = 0; token < logits.size(); ++token) {
    weights_[token] = weight(logits[token], highest, temperature);
    sum += weights_[token];
  }
  return sum;
}

// In the order of the ids, which needs no sorting of the vocabulary.
std::uint32_t Sampler::draw_from_all(double left) const {
  std::uint32_t last = 0;  // where rounding leaves a rest: the last that can be drawn
  for (std::uint32_t token = 0; token < weights_.size(); ++token) {
    if (weights_[token] <= 0) continue;
    left -= weights_[token];
    if (left < 0) return token;
    last = token;
  }
  return last;
}

// False where one of the logits is no number, which has no place in an order.
bool Sampler::collect(std::span<const float> logits) {
  candidates_.clear();
  ordered_ = 0;
  bool numbers = true;
  for (std::uint32_t token = 0; token < logits.size(); ++token) {
    numbers &= !std::isnan(logits[token]);
    candidates_.push_back({0, logits[token], token});
  }
  return numbers;
}

void Sampler::keep_top_k(std::size_t top_k) {
  const auto kept = candidates_.begin() + static_cast<std::ptrdiff_t>(top_k);
  std::partial_sort(candidates_.begin(), kept, candidates_.end(), Before());
  candidates_.resize(top_k);
  ordered_ = top_k;
}

// Brings the first `count` into their places. Those behind them stay unordered: few of a
// vocabulary are ever looked at.
void Sampler::order_first(std::size_t count) {
  const auto at = [this](std::size_t i) {
    return candidates_.begin() + static_cast<std::ptrdiff_t>(i);
  };
  if (count < candidates_.size()) {
    std::nth_element(at(ordered_), at(count), candidates_.end(), Before());
  }
  std::sort(at(ordered_), at(count), Before());
  ordered_ = count;
}

// The fewest candidates that have top_p of the weight of all, at least one.
void Sampler::keep_top_p(double top_p) {
  constexpr std::size_t kFirst = 256;
  constexpr std::size_t kGrowth = 16;
  double sum = 0;
  for (const auto& candidate : candidates_) sum += candidate.weight;
  const double wanted = top_p * sum;
  double found = 0;
  std::size_t kept = 0;
  while (kept < candidates_.size() && (kept == 0 || found < wanted)) {
    if (kept == ordered_) {
      order_first(std::min(candidates_.size(), std::max(kFirst, ordered_ * kGrowth)));
    }
    found += candidates_[kept++].weight;
  }
  candidates_.resize(kept);
}

std::optional<std::uint32_t> Sampler::sample(std::span<const float> logits,
                                             const SamplingOptions& options, std::uint64_t seed,
                                             std::uint64_t position) {
  if (options.greedy()) {
    const std::uint32_t greatest = kernels::index_of_greatest(logits);
    return greatest == kernels::kNoIndex ? std::nullopt : std::optional(greatest);
  }
  const float highest = highest_of(logits);
  if (!std::isfinite(highest)) return std::nullopt;
  const double unit = to_unit(hash_counters(seed, position));
  const bool some = options.top_k > 0 && options.top_k < logits.size();
  if (!some && options.top_p >= 1) {
    const double sum = weigh(logits, highest, options.temperature);
    if (!std::isfinite(sum)) return std::nullopt;
    return draw_from_all(unit * sum);
  }
  if (!collect(logits)) return std::nullopt;
  if (some) keep_top_k(options.top_k);
  for (auto& candidate : candidates_) {
    candidate.weight = weight(candidate.logit, highest, options.temperature);
  }
  if (options.top_p < 1) keep_top_p(options.top_p);
  double mass = 0;
  for (const auto& candidate : candidates_) mass += candidate.weight;
  double left = unit * mass;
  for (const auto& candidate : candidates_) {
    left -= candidate.weight;
    if (left < 0) return candidate.token;
  }
  return candidates_.back().token;
}

}  // namespace switchyard::engine
