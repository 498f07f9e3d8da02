#include "runtime/engine/sampler.h"

#include <algorithm>
#include <cmath>

#include "kernels/ops/greatest.h"
#include "runtime/base/random.h"

namespace switchyard::engine {

// Candidates by falling logit (ties: lower id first), cut to top_k, with softmax weights.
void Sampler::collect(std::span<const float> logits, const SamplingOptions& options) {
  candidates_.clear();
  for (std::uint32_t token = 0; token < logits.size(); ++token) {
    candidates_.push_back({static_cast<double>(logits[token]), token});
  }
  const auto before = [](const Candidate& a, const Candidate& b) {
    return a.probability != b.probability ? a.probability > b.probability : a.token < b.token;
  };
  if (options.top_k > 0 && options.top_k < candidates_.size()) {
    const auto kept = candidates_.begin() + options.top_k;
    std::partial_sort(candidates_.begin(), kept, candidates_.end(), before);
    candidates_.erase(kept, candidates_.end());
  } else {
    std::sort(candidates_.begin(), candidates_.end(), before);
  }
  const double highest = candidates_.front().probability;
  double sum = 0;
  for (auto& candidate : candidates_) {
    candidate.probability = std::exp((candidate.probability - highest) / options.temperature);
    sum += candidate.probability;
  }
  for (auto& candidate : candidates_) candidate.probability /= sum;
}

// The fewest candidates whose probabilities add up to top_p, at least one.
void Sampler::keep_top_p(double top_p) {
  double sum = 0;
  std::size_t kept = 0;
  while (kept < candidates_.size() && (kept == 0 || sum < top_p)) {
    sum += candidates_[kept++].probability;
  }
  candidates_.resize(kept);
}

std::uint32_t Sampler::sample(std::span<const float> logits, const SamplingOptions& options,
                              std::uint64_t seed, std::uint64_t position) {
  if (options.greedy()) return kernels::index_of_greatest(logits);
  collect(logits, options);
  if (options.top_p < 1) keep_top_p(options.top_p);
  double mass = 0;
  for (const auto& candidate : candidates_) mass += candidate.probability;
  double left = to_unit(hash_counters(seed, position)) * mass;
  for (const auto& candidate : candidates_) {
    left -= candidate.probability;
    if (left < 0) return candidate.token;
  }
  return candidates_.back().token;
}

}  // namespace switchyard::engine
