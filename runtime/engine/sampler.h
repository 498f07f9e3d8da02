// runtime/engine/sampler.h -- logits -> the next token: greedy, or temperature with top-k and
// top-p. A draw is a function of (seed, sequence seed, position), so that it does not depend on
// batch-mates, ranks or restarts (law 1). Ties go to the lower token id. Thread safety: shared
// objects: unsafe (scratch memory is kept).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace switchyard::engine {

struct SamplingOptions {
  double temperature = 0;   // 0: greedy
  std::uint32_t top_k = 0;  // 0: off
  double top_p = 1;         // 1: off

  [[nodiscard]] bool greedy() const noexcept { return temperature <= 0; }
};

class Sampler {
 public:
  explicit Sampler(std::size_t vocab) {
    weights_.reserve(vocab);
    candidates_.reserve(vocab);
  }

  // logits: [V]. `seed`: of this sequence; `position`: of the token to draw. Nothing where the
  // logits are no numbers: the highest of them is not finite, or a draw would weigh a NaN.
  [[nodiscard]] std::optional<std::uint32_t> sample(std::span<const float> logits,
                                                    const SamplingOptions& options,
                                                    std::uint64_t seed, std::uint64_t position);

 private:
  struct Candidate {
    double weight = 0;
    float logit = 0;
    std::uint32_t token = 0;
  };
  [[nodiscard]] double weigh(std::span<const float> logits, float highest, double temperature);
  [[nodiscard]] std::uint32_t draw_from_all(double left) const;
  // By falling logit; ties: the lower id first. An object, so that sorting inlines it.
  struct Before {
    [[nodiscard]] bool operator()(const Candidate& a, const Candidate& b) const noexcept {
      return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
    }
  };
  [[nodiscard]] bool collect(std::span<const float> logits);
  void keep_top_k(std::size_t top_k);
  void order_first(std::size_t count);
  void keep_top_p(double top_p);

  std::vector<double> weights_;  // [V] by id, not normalised
  std::vector<Candidate> candidates_;
  std::size_t ordered_ = 0;  // of candidates_, that lie where a full sort would put them
};

}  // namespace switchyard::engine
