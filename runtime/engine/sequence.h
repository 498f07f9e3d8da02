// runtime/engine/sequence.h -- one sequence of a run: what was asked, how far it is, what came out.
// Plain state; the scheduler and the engine move it on.
// Thread safety: distinct objects: safe; shared objects: unsafe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/ids.h"
#include "runtime/base/trace_context.h"
#include "runtime/engine/sampler.h"
#include "runtime/moe/rank_mask.h"

namespace switchyard::engine {

// Which positions' logits are computed: the last of the prompt (and of every new token), or all.
enum class LogitsWanted : std::uint8_t { kLast, kAll };

// Whether a fingerprint of the wanted logits goes with the result. Without one, and where no
// observer wants the logits either, a greedy sequence's logits stay on the device.
enum class DigestWanted : std::uint8_t { kNo, kYes };

struct SequenceRequest {
  SequenceId id;                      // its place in the input
  std::vector<std::uint32_t> tokens;  // the prompt, at least one token
  // Generated before, by a router that is gone: taken as they are, with their logits computed again
  // where somebody wants them; generation goes on after them.
  std::vector<std::uint32_t> resumed;
  LogitsWanted wanted = LogitsWanted::kLast;
  DigestWanted digest = DigestWanted::kYes;
  std::uint32_t max_tokens = 0;  // to generate; 0: only the prompt's logits
  SamplingOptions sampling;
  std::uint64_t seed = 0;
  std::vector<std::uint32_t> stop_tokens;  // end of sequence; empty: none
  std::string origin;                      // of the request, for the controller: region, and
  std::string regime;  // the residency rule that its rows are under; empty: none
  std::shared_ptr<const moe::RankMask> allowed;  // where its rows may go; null: everywhere
  std::vector<std::uint32_t> targets;  // scoring: the token after each prompt position, or empty
  TraceContext trace;                  // whose request it is, for logs and traces
  Duration arrival{};                  // after the start of its run; zero: at once
  TimePoint submitted{};               // to an engine that keeps a timeline
};

enum class FinishReason : std::uint8_t {
  kStop,
  kLength,
  kContext,
  kScored,
  kInterrupted,
  kForbidden,
  kNotFinite,  // its logits were no numbers: there is nothing to choose from
};

[[nodiscard]] constexpr std::string_view to_string(FinishReason reason) noexcept {
  switch (reason) {
    case FinishReason::kStop: return "stop";
    case FinishReason::kLength: return "length";
    case FinishReason::kContext: return "context";
    case FinishReason::kScored: return "scored";
    case FinishReason::kInterrupted: return "interrupted";
    case FinishReason::kForbidden: return "forbidden";
    case FinishReason::kNotFinite: return "not_finite";
  }
  return "unknown";
}

struct SequenceResult {
  SequenceId id;
  std::uint32_t prompt_tokens = 0;
  std::vector<std::uint32_t> tokens;  // generated; a stop token is not among them
  FinishReason finish = FinishReason::kInterrupted;
  // XXH3-128 over the fp32 logits of every position that was wanted; 0 where no digest was.
  std::uint64_t digest_high = 0;
  std::uint64_t digest_low = 0;
  double nll = 0;      // nats over all targets
  TraceContext trace;  // of the request, where whoever collects the results says so
};

}  // namespace switchyard::engine
