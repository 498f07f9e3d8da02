#include "runtime/engine/scheduler.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace switchyard::engine {

Scheduler::Scheduler(const SchedulerLimits& limits, std::size_t kv_pages)
    : limits_(limits), pages_total_(kv_pages), pages_(kv_pages) {
  SY_CHECK(limits.sequences_max <= limits.step_tokens_max, "{} sequences in steps of {} tokens",
           limits.sequences_max, limits.step_tokens_max);
  running_.reserve(limits.sequences_max);
  step_.reserve(limits.sequences_max);
}

std::size_t Scheduler::pages_needed(const SequenceRequest& request) const {
  return KvPages::pages_for(
      std::min(limits_.context, request.tokens.size() + request.max_tokens));
}

Result<void> Scheduler::add(SequenceRequest request) {
  if (request.tokens.empty()) return fail(ErrorCode::kBadInput, "the prompt has no tokens");
  if (request.tokens.size() > limits_.context) {
    return fail(ErrorCode::kLimit, "the prompt has {} tokens; the context holds {}",
                request.tokens.size(), limits_.context);
  }
  if (pages_needed(request) > pages_total_) {
    return fail(ErrorCode::kLimit,
                "the sequence needs {} KV pages of {} positions; the cache has {} (engine.kv_mib)",
                pages_needed(request), kernels::kKvPageTokens, pages_total_);
  }
  waiting_.push_back(std::move(request));
  return {};
}

void Scheduler::admit() {
  while (!waiting_.empty() && running_.size() < limits_.sequences_max) {
    auto pages = pages_.take(pages_needed(waiting_.front()));
    if (!pages) return;
    auto sequence = std::make_unique<Running>();
    sequence->request = std::move(waiting_.front());
    waiting_.pop_front();
    sequence->pages = std::move(*pages);
    sequence->result.id = sequence->request.id;
    sequence->result.prompt_tokens = static_cast<std::uint32_t>(sequence->request.tokens.size());
    sequence->result.tokens.reserve(sequence->request.max_tokens);
    running_.push_back(std::move(sequence));
  }
}

const std::vector<StepPart>& Scheduler::next_step() {
  admit();
  step_.clear();
  std::size_t left = limits_.step_tokens_max;
  for (const auto& sequence : running_) {
    if (sequence->in_prompt()) continue;
    step_.push_back({sequence.get(), sequence->cached, 1});
    --left;
  }
  for (const auto& sequence : running_) {
    if (!sequence->in_prompt() || left == 0) continue;
    const std::size_t count =
        std::min({sequence->request.tokens.size() - sequence->cached, limits_.chunk_tokens, left});
    step_.push_back({sequence.get(), sequence->cached, count});
    left -= count;
  }
  return step_;
}

void Scheduler::remove(Running* sequence) {
  const auto found =
      std::find_if(running_.begin(), running_.end(),
                   [sequence](const auto& candidate) { return candidate.get() == sequence; });
  SY_CHECK(found != running_.end());
  pages_.give_back((*found)->pages);
  running_.erase(found);
}

std::vector<std::unique_ptr<Running>> Scheduler::drain() {
  auto all = std::move(running_);
  running_.clear();
  for (auto& request : waiting_) {
    auto sequence = std::make_unique<Running>();
    sequence->result.id = request.id;
    sequence->result.prompt_tokens = static_cast<std::uint32_t>(request.tokens.size());
    sequence->request = std::move(request);
    all.push_back(std::move(sequence));
  }
  waiting_.clear();
  for (auto& sequence : all) pages_.give_back(sequence->pages);
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a->result.id < b->result.id; });
  return all;
}

}  // namespace switchyard::engine
