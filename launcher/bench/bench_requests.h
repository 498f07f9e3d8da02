// launcher/bench/bench_requests.h -- the prompts that `bench model` runs: random token ids by seed.
// Not prompts of a user: no text, no end tokens, no digest. Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/engine/sequence.h"

namespace switchyard::launcher {

// Equal: every sequence of a batch has the same tokens, so that all its rows choose the same
// experts.
enum class BatchTokens { kDifferent, kEqual };

struct BenchBatch {
  std::size_t sequences = 1;
  std::size_t prompt_tokens = 1;  // of each
  std::size_t max_tokens = 0;     // to generate, of each; greedy
  std::size_t vocab = 1;
  std::uint64_t seed = 0;
  BatchTokens tokens = BatchTokens::kDifferent;
};

[[nodiscard]] std::vector<engine::SequenceRequest> bench_requests(const BenchBatch& batch);

}  // namespace switchyard::launcher
