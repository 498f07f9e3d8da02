#include "launcher/bench/bench_requests.h"

#include "runtime/base/random.h"

namespace switchyard::launcher {

std::vector<engine::SequenceRequest> bench_requests(const BenchBatch& batch) {
  std::vector<engine::SequenceRequest> requests;
  for (std::uint32_t s = 0; s < batch.sequences; ++s) {
    engine::SequenceRequest request;
    request.id = SequenceId(s);
    request.max_tokens = static_cast<std::uint32_t>(batch.max_tokens);
    request.digest = engine::DigestWanted::kNo;
    const std::uint32_t stream = batch.tokens == BatchTokens::kEqual ? 0 : s;
    for (std::size_t i = 0; i < batch.prompt_tokens; ++i) {
      request.tokens.push_back(
          static_cast<std::uint32_t>(hash_counters(batch.seed, stream, i) % batch.vocab));
    }
    requests.push_back(std::move(request));
  }
  return requests;
}

}  // namespace switchyard::launcher
