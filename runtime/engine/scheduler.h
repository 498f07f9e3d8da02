// runtime/engine/scheduler.h -- which rows make the next step: continuous batching with chunked
// prompts. Pure: it knows lengths and pages, no logits and no clock.
// A sequence is admitted when a seat and all pages it can ever need are free; decoding sequences
// come first in every step, prompts fill what is left.
// Thread safety: shared objects: unsafe.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "runtime/engine/kv_pages.h"
#include "runtime/engine/logits_digest.h"
#include "runtime/engine/sequence.h"

namespace switchyard::engine {

struct SchedulerLimits {
  std::size_t sequences_max = 16;
  std::size_t chunk_tokens = 512;
  std::size_t step_tokens_max = 2048;
  std::size_t context = 0;
  std::size_t vocab = 0;  // ids below it have an embedding
};

// A sequence that has a seat.
struct Running {
  SequenceRequest request;
  SequenceResult result;
  LogitsDigest digest;
  std::vector<std::uint32_t> pages;
  std::size_t cached = 0;        // positions whose keys are in the cache
  std::uint32_t next_token = 0;  // input of the next decode step
  bool forbidden = false;        // a row of it might not go where it had to: its results are void

  std::size_t known = 0;  // positions whose input is given: prompt and resumed tokens

  [[nodiscard]] bool in_prompt() const noexcept { return cached < known; }
  // The input at a position below cached + the rows of the next step.
  [[nodiscard]] std::uint32_t input(std::size_t position) const noexcept {
    const std::size_t prompt = request.tokens.size();
    if (position < prompt) return request.tokens[position];
    if (position < known) return request.resumed[position - prompt];
    return next_token;
  }
};

// The rows of one sequence in a step: positions begin .. begin+count-1.
struct StepPart {
  Running* sequence = nullptr;
  std::size_t begin = 0;
  std::size_t count = 0;
};

class Scheduler {
 public:
  Scheduler(const SchedulerLimits& limits, std::size_t kv_pages);

  // Errors: kLimit when the prompt can never fit the context or the cache, kBadInput when empty or
  // when an id is outside the vocabulary.
  [[nodiscard]] Result<void> add(SequenceRequest request);
  // The rows of the next step; empty when nothing is left.
  [[nodiscard]] const std::vector<StepPart>& next_step();
  // Takes a finished sequence off its seat and frees its pages.
  void remove(Running* sequence);
  // Takes a sequence out, waiting or running; null where it has none of that id.
  [[nodiscard]] std::unique_ptr<Running> take_out(SequenceId id);
  [[nodiscard]] std::size_t running_count() const noexcept { return running_.size(); }
  [[nodiscard]] std::size_t waiting_count() const noexcept { return waiting_.size(); }
  // Gives up everything that runs or waits; in input order. For a clean stop.
  [[nodiscard]] std::vector<std::unique_ptr<Running>> drain();

 private:
  void admit();
  [[nodiscard]] std::unique_ptr<Running> seat(SequenceRequest request) const;
  [[nodiscard]] std::size_t pages_needed(const SequenceRequest& request) const;

  SchedulerLimits limits_;
  std::size_t pages_total_;
  KvPages pages_;
  std::deque<SequenceRequest> waiting_;
  std::vector<std::unique_ptr<Running>> running_;
  std::vector<StepPart> step_;
};

}  // namespace switchyard::engine
