// runtime/engine/sampler.h -- logits -> the next token: greedy, or temperature with top-k and
// top-p. A draw is a function of (seed, sequence seed, position), so that it does not depend on
// batch-mates, ranks or restarts (law 1). Ties go to the lower token id. Thread safety: shared
// objects: unsafe (scratch memory is kept).
#pragma once

#include <cstdint>
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
  explicit Sampler(std::size_t vocab) { candidates_.reserve(vocab); }

  // logits: [V], finite. `seed`: of this sequence; `position`: of the token to draw.
  [[nodiscard]] std::uint32_t sample(std::span<const float> logits, const SamplingOptions& options,
                                     std::uint64_t seed, std::uint64_t position);

 private:
  struct Candidate {
    double probability = 0;
    std::uint32_t token = 0;
  };
  void collect(std::span<const float> logits, const SamplingOptions& options);
  void keep_top_p(double top_p);

  std::vector<Candidate> candidates_;
};

}  // namespace switchyard::engine
