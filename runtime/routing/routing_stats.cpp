#include "runtime/routing/routing_stats.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "runtime/routing/scores.h"

namespace switchyard::routing {
namespace {

[[nodiscard]] double ratio(double part, double whole) { return whole > 0 ? part / whole : 0.0; }

struct Moments {
  double tokens = 0;
  double first = 0;
  double second = 0;
};

[[nodiscard]] Moments moments(std::span<const std::uint64_t> histogram) {
  Moments out;
  for (std::size_t k = 0; k < histogram.size(); ++k) {
    const auto count = static_cast<double>(histogram[k]);
    const auto value = static_cast<double>(k);
    out.tokens += count;
    out.first += count * value;
    out.second += count * value * value;
  }
  return out;
}

// Of a layer's successions, times their number: so that layers add up by their weight.
struct Spread {
  double first = 0;   // variance of k
  double second = 0;  // variance of the next k
  double both = 0;    // covariance
};

[[nodiscard]] Spread spread(std::span<const std::uint64_t> sums) {
  const auto n = static_cast<double>(sums[0]);
  if (sums[0] == 0) return {};
  const auto k = static_cast<double>(sums[1]);
  const auto next = static_cast<double>(sums[2]);
  return {static_cast<double>(sums[3]) - k * k / n, static_cast<double>(sums[4]) - next * next / n,
          static_cast<double>(sums[5]) - k * next / n};
}

[[nodiscard]] double correlation(const Spread& spread) {
  // What rounding leaves of a k that never varies is no variance; two equal halves of one are.
  constexpr double kLeast = 1e-6;
  if (spread.first < kLeast || spread.second < kLeast) return 0;
  return std::clamp(spread.both / std::sqrt(spread.first * spread.second), -1.0, 1.0);
}

}  // namespace

RoutingStats::RoutingStats(Shape shape)
    : shape_(shape), counts_(shape.layers * count_stride()), sums_(shape.layers * sum_stride()) {
  SY_CHECK(shape.experts <= kExpertsMax, "{} experts", shape.experts);
}

std::span<const std::uint64_t> RoutingStats::counts_of(std::size_t layer) const {
  SY_CHECK(layer < shape_.layers, "layer {} of {}", layer, shape_.layers);
  return std::span(counts_).subspan(layer * count_stride(), count_stride());
}

std::span<const double> RoutingStats::sums_of(std::size_t layer) const {
  SY_CHECK(layer < shape_.layers, "layer {} of {}", layer, shape_.layers);
  return std::span(sums_).subspan(layer * sum_stride(), sum_stride());
}

void RoutingStats::add(std::size_t layer, const Selections& selections, std::size_t first) {
  SY_CHECK(layer < shape_.layers, "layer {} of {}", layer, shape_.layers);
  std::uint64_t* const histogram = counts_.data() + layer * count_stride();
  std::uint64_t* const loads = histogram + shape_.k_max + 1;
  std::uint64_t* const fallbacks = loads + shape_.experts;
  for (std::size_t t = first; t < selections.token_count(); ++t) {
    const std::size_t k = selections.k(t);
    SY_CHECK(k <= shape_.k_max, "k {} of at most {}", k, shape_.k_max);
    ++histogram[k];
    ++fallbacks[static_cast<std::size_t>(selections.fallbacks[t])];
    for (std::uint32_t s = selections.slot_begin[t]; s < selections.slot_begin[t + 1]; ++s) {
      const std::size_t expert = selections.experts[s].index();
      SY_CHECK(expert < shape_.experts, "expert {} of {}", expert, shape_.experts);
      ++loads[expert];
    }
  }
}

void RoutingStats::add_gate(std::size_t layer, MatrixView<const float> logits) {
  SY_CHECK(layer < shape_.layers, "layer {} of {}", layer, shape_.layers);
  SY_CHECK(logits.rows() == 0 || logits.cols() == shape_.experts, "{} experts", logits.cols());
  double* const shares = sums_.data() + layer * sum_stride();
  std::uint64_t& tokens = counts_[(layer + 1) * count_stride() - 1];
  ScoreRow row;
  for (std::size_t t = 0; t < logits.rows(); ++t) {
    score_row(shape_.scoring, logits.row(t), row);
    if (!row.finite) continue;
    const float scale = row.share_scale(shape_.scoring);
    for (std::size_t e = 0; e < shape_.experts; ++e) {
      shares[e] += static_cast<double>(row.scores[e] * scale);
    }
    shares[shape_.experts] += static_cast<double>(normalised_entropy(shape_.scoring, row));
    if (shape_.scoring == Scoring::kSoftmax) {
      const double z = log_sum_exp(row);
      shares[shape_.experts + 1] += z * z;
    }
    ++tokens;
  }
}

void RoutingStats::add_succession(std::size_t layer, std::size_t k, std::size_t next_k) {
  SY_CHECK(layer < shape_.layers, "layer {} of {}", layer, shape_.layers);
  std::uint64_t* const sums = counts_.data() + layer * count_stride() + succession_begin();
  sums[0] += 1;
  sums[1] += k;
  sums[2] += next_k;
  sums[3] += k * k;
  sums[4] += next_k * next_k;
  sums[5] += k * next_k;
}

void RoutingStats::clear() {
  std::fill(counts_.begin(), counts_.end(), std::uint64_t{0});
  std::fill(sums_.begin(), sums_.end(), 0.0);
}

Result<void> RoutingStats::merge(std::span<const std::uint64_t> counts,
                                 std::span<const double> sums) {
  if (counts.size() != counts_.size() || sums.size() != sums_.size()) {
    return fail(ErrorCode::kBadInput, "routing stats: blocks of {} and {}, expected {} and {}",
                counts.size(), sums.size(), counts_.size(), sums_.size());
  }
  for (std::size_t i = 0; i < counts.size(); ++i) counts_[i] += counts[i];
  for (std::size_t i = 0; i < sums.size(); ++i) sums_[i] += sums[i];
  return {};
}

std::vector<std::uint64_t> RoutingStats::k_histogram(std::size_t layer) const {
  const auto part = counts_of(layer).first(shape_.k_max + 1);
  return {part.begin(), part.end()};
}

std::vector<std::uint64_t> RoutingStats::k_histogram() const {
  std::vector<std::uint64_t> out(shape_.k_max + 1);
  for (std::size_t l = 0; l < shape_.layers; ++l) {
    const auto part = counts_of(l);
    for (std::size_t k = 0; k < out.size(); ++k) out[k] += part[k];
  }
  return out;
}

std::uint64_t RoutingStats::decision_count() const {
  const auto histogram = k_histogram();
  return std::accumulate(histogram.begin(), histogram.end(), std::uint64_t{0});
}

std::uint64_t RoutingStats::slot_count() const {
  const auto histogram = k_histogram();
  std::uint64_t slots = 0;
  for (std::size_t k = 0; k < histogram.size(); ++k) slots += k * histogram[k];
  return slots;
}

double RoutingStats::mean_k() const {
  const Moments m = moments(k_histogram());
  return ratio(m.first, m.tokens);
}

double RoutingStats::mean_k(std::size_t layer) const {
  const Moments m = moments(k_histogram(layer));
  return ratio(m.first, m.tokens);
}

double RoutingStats::sigma_k() const {
  const Moments m = moments(k_histogram());
  const double mean = ratio(m.first, m.tokens);
  return std::sqrt(std::max(0.0, ratio(m.second, m.tokens) - mean * mean));
}

double RoutingStats::k_autocorrelation(std::size_t layer) const {
  return correlation(spread(counts_of(layer).subspan(succession_begin(), kSuccessionSums)));
}

double RoutingStats::k_autocorrelation() const {
  Spread all;
  for (std::size_t l = 0; l < shape_.layers; ++l) {
    const Spread part = spread(counts_of(l).subspan(succession_begin(), kSuccessionSums));
    all.first += part.first;
    all.second += part.second;
    all.both += part.both;
  }
  return correlation(all);
}

std::span<const std::uint64_t> RoutingStats::expert_loads(std::size_t layer) const {
  return counts_of(layer).subspan(shape_.k_max + 1, shape_.experts);
}

LoadMetrics RoutingStats::load_metrics(std::size_t layer) const {
  const auto loads = expert_loads(layer);
  return measure_loads(std::vector<double>(loads.begin(), loads.end()));
}

std::array<std::uint64_t, 4> RoutingStats::fallback_counts() const {
  std::array<std::uint64_t, kFallbacks> out{};
  for (std::size_t l = 0; l < shape_.layers; ++l) {
    const auto part = counts_of(l).subspan(shape_.k_max + 1 + shape_.experts, kFallbacks);
    for (std::size_t i = 0; i < kFallbacks; ++i) out[i] += part[i];
  }
  return out;
}

std::uint64_t RoutingStats::gate_tokens(std::size_t layer) const { return counts_of(layer).back(); }

double RoutingStats::routing_entropy(std::size_t layer) const {
  return ratio(sums_of(layer)[shape_.experts], static_cast<double>(gate_tokens(layer)));
}

double RoutingStats::routing_entropy() const {
  double sum = 0;
  double tokens = 0;
  for (std::size_t l = 0; l < shape_.layers; ++l) {
    sum += sums_of(l)[shape_.experts];
    tokens += static_cast<double>(gate_tokens(l));
  }
  return ratio(sum, tokens);
}

double RoutingStats::z_loss(std::size_t layer) const {
  return ratio(sums_of(layer)[shape_.experts + 1], static_cast<double>(gate_tokens(layer)));
}

double RoutingStats::balance_loss_switch(std::size_t layer) const {
  const auto loads = expert_loads(layer);
  const auto shares = sums_of(layer);
  double slots = 0;
  double product = 0;
  for (std::size_t e = 0; e < shape_.experts; ++e) {
    slots += static_cast<double>(loads[e]);
    product += static_cast<double>(loads[e]) * shares[e];
  }
  return static_cast<double>(shape_.experts) *
         ratio(product, slots * static_cast<double>(gate_tokens(layer)));
}

double RoutingStats::balance_loss_per_token(std::size_t layer) const {
  return balance_loss_switch(layer) * mean_k(layer);
}

}  // namespace switchyard::routing
