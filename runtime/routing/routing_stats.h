// runtime/routing/routing_stats.h -- counts what routers decided: k, loads of experts, fallbacks,
// and the gate's own statistics (entropy, auxiliary losses). Mergeable over ranks as two flat
// blocks. Not the savings (model/layout.h); the evenness of loads is base/load_metrics.h. Thread
// safety: distinct objects: safe; shared objects: unsafe.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/load_metrics.h"
#include "runtime/base/view.h"
#include "runtime/routing/router.h"

namespace switchyard::routing {

class RoutingStats {
 public:
  struct Shape {
    std::size_t layers = 0;
    std::size_t experts = 0;
    std::size_t k_max = 0;  // of the router
    Scoring scoring = Scoring::kSoftmax;
  };

  RoutingStats() = default;
  explicit RoutingStats(Shape shape);

  // Counts the tokens first..end of `selections` as decisions of `layer`.
  void add(std::size_t layer, const Selections& selections, std::size_t first = 0);
  // The gate's side of the same tokens, logits [T, E]; one softmax a token, so optional. Rows that
  // are not finite are left out.
  void add_gate(std::size_t layer, MatrixView<const float> logits);
  // A token's k in `layer` and the k of the next token of its sequence.
  void add_succession(std::size_t layer, std::size_t k, std::size_t next_k);
  void clear();

  // Counts and sums as flat blocks, for an all-reduce by sum; both have a size given by the shape.
  [[nodiscard]] const std::vector<std::uint64_t>& counts() const noexcept { return counts_; }
  [[nodiscard]] const std::vector<double>& sums() const noexcept { return sums_; }
  // Adds the blocks of another rank. Errors: kBadInput for blocks of another shape.
  [[nodiscard]] Result<void> merge(std::span<const std::uint64_t> counts,
                                   std::span<const double> sums);

  [[nodiscard]] const Shape& shape() const noexcept { return shape_; }
  // (token, layer) decisions and (token, layer, slot) pairs.
  [[nodiscard]] std::uint64_t decision_count() const;
  [[nodiscard]] std::uint64_t slot_count() const;
  [[nodiscard]] double mean_k() const;  // 0 without decisions
  [[nodiscard]] double mean_k(std::size_t layer) const;
  [[nodiscard]] double sigma_k() const;                          // population standard deviation
  [[nodiscard]] std::vector<std::uint64_t> k_histogram() const;  // [k_max + 1], index = k
  [[nodiscard]] std::vector<std::uint64_t> k_histogram(std::size_t layer) const;
  // Correlation of k with the k of the sequence's next token, -1..1: whether hard tokens come
  // together. Within layers, so that layers of unlike means do not make one up. 0 where k never
  // varies or no succession was added.
  [[nodiscard]] double k_autocorrelation() const;
  [[nodiscard]] double k_autocorrelation(std::size_t layer) const;
  // Pairs per expert of `layer` [experts].
  [[nodiscard]] std::span<const std::uint64_t> expert_loads(std::size_t layer) const;
  [[nodiscard]] LoadMetrics load_metrics(std::size_t layer) const;
  // Decisions that each fallback made; index = Fallback.
  [[nodiscard]] std::array<std::uint64_t, 4> fallback_counts() const;

  // Of the gate, where add_gate was called; 0 otherwise.
  [[nodiscard]] double routing_entropy() const;  // mean over tokens and layers, 0..1
  [[nodiscard]] double routing_entropy(std::size_t layer) const;
  // mean of (ln sum exp z)^2 (ST-MoE's router z-loss without its factor); softmax gates only.
  [[nodiscard]] double z_loss(std::size_t layer) const;
  // E * sum_i f_i P_i, P the mean share of expert i. Switch: f = share of the pairs, 1 when even.
  // Hugging Face: f = pairs per token, mean k when even.
  [[nodiscard]] double balance_loss_switch(std::size_t layer) const;
  [[nodiscard]] double balance_loss_per_token(std::size_t layer) const;

 private:
  static constexpr std::size_t kFallbacks = 4;
  // Of successions (k, n): how many, and the sums of k, n, k*k, n*n, k*n.
  static constexpr std::size_t kSuccessionSums = 6;
  // A layer's counts: [k_max + 1] histogram, [experts] loads, [4] fallbacks, [6] successions, gate
  // tokens.
  [[nodiscard]] std::size_t count_stride() const noexcept {
    return shape_.k_max + 1 + shape_.experts + kFallbacks + kSuccessionSums + 1;
  }
  [[nodiscard]] std::size_t succession_begin() const noexcept {
    return shape_.k_max + 1 + shape_.experts + kFallbacks;
  }
  // A layer's sums: [experts] shares, entropy, squared ln sum exp.
  [[nodiscard]] std::size_t sum_stride() const noexcept { return shape_.experts + 2; }
  [[nodiscard]] std::span<const std::uint64_t> counts_of(std::size_t layer) const;
  [[nodiscard]] std::span<const double> sums_of(std::size_t layer) const;
  [[nodiscard]] std::uint64_t gate_tokens(std::size_t layer) const;

  Shape shape_;
  std::vector<std::uint64_t> counts_;
  std::vector<double> sums_;
};

}  // namespace switchyard::routing
