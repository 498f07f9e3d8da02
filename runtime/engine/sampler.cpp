#include "runtime/engine/sampler.h"

#include <algorithm>
#include <cmath>

#include "runtime/base/random.h"

namespace switchyard::engine {

// Softmax weights by id, the highest 1; their sum.
double Sampler::weigh(std::span<const float> logits, float highest, double temperature) {
  weights_.resize(logits.size());
  double sum = 0;
  for (std::size_t token = 0; token < logits.size(); ++token) {
    const double below = static_cast<double>(logits[token]) - static_cast<double>(highest);
    weights_[token] = std::exp(below / temperature);
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

void Sampler::collect(std::span<const float> logits) {
  candidates_.clear();
  ordered_ = 0;
  for (std::uint32_t token = 0; token < logits.size(); ++token) {
    candidates_.push_back({weights_[token], logits[token], token});
  }
}

// Brings the first `count` into their places by falling logit (ties: lower id first). Those behind
// them stay unordered: few of a vocabulary are ever looked at.
void Sampler::order_first(std::size_t count) {
  if (count <= ordered_) return;
  const auto before = [](const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
  };
  const auto at = [this](std::size_t i) {
    return candidates_.begin() + static_cast<std::ptrdiff_t>(i);
  };
  if (count < candidates_.size()) {
    std::nth_element(at(ordered_), at(count), candidates_.end(), before);
  }
  std::sort(at(ordered_), at(count), before);
  ordered_ = count;
}

void Sampler::keep_top_k(std::size_t top_k) {
  if (top_k == 0 || top_k >= candidates_.size()) return;
  order_first(top_k);
  candidates_.resize(top_k);
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
  const auto top = std::max_element(logits.begin(), logits.end());
  if (top == logits.end() || !std::isfinite(*top)) return std::nullopt;
  if (options.temperature <= 0) return static_cast<std::uint32_t>(top - logits.begin());
  const double sum = weigh(logits, *top, options.temperature);
  if (!std::isfinite(sum)) return std::nullopt;
  const double unit = to_unit(hash_counters(seed, position));
  const bool some = options.top_k > 0 && options.top_k < logits.size();
  if (!some && options.top_p >= 1) return draw_from_all(unit * sum);
  collect(logits);
  keep_top_k(options.top_k);
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
