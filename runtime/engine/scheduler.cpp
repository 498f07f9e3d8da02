#include "runtime/engine/scheduler.h"

#include <algorithm>
#include <span>

#include "runtime/base/check.h"

namespace switchyard::engine {

namespace {

Result<void> check_ids(const char* what, std::span<const std::uint32_t> ids, std::size_t vocab) {
  const auto found = std::ranges::find_if(ids, [vocab](std::uint32_t id) { return id >= vocab; });
  if (found == ids.end()) return {};
  return fail(ErrorCode::kBadInput, "{}: id {} is outside the vocabulary of {}", what, *found,
              vocab);
}

}  // namespace

Scheduler::Scheduler(const SchedulerLimits& limits, std::size_t kv_pages)
    : limits_(limits), pages_total_(kv_pages), pages_(kv_pages) {
  SY_CHECK(limits.sequences_max <= limits.step_tokens_max, "{} sequences in steps of {} tokens",
           limits.sequences_max, limits.step_tokens_max);
  running_.reserve(limits.sequences_max);
  step_.reserve(limits.sequences_max);
}

std::size_t Scheduler::pages_needed(const SequenceRequest& request) const {
  return KvPages::pages_for(std::min(limits_.context, request.tokens.size() + request.max_tokens));
}

Result<void> Scheduler::add(SequenceRequest request) {
  if (request.tokens.empty()) return fail(ErrorCode::kBadInput, "the prompt has no tokens");
  SY_TRY(check_ids("prompt", request.tokens, limits_.vocab));
  SY_TRY(check_ids("target", request.targets, limits_.vocab));
  SY_TRY(check_ids("resumed token", request.resumed, limits_.vocab));
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

// The last token that a sequence may have is never an input, nor is a position past the context.
std::unique_ptr<Running> Scheduler::seat(SequenceRequest request) const {
  auto sequence = std::make_unique<Running>();
  const std::size_t prompt = request.tokens.size();
  const std::size_t fed_max = request.max_tokens == 0 ? prompt : prompt + request.max_tokens - 1;
  sequence->known = std::min({prompt + request.resumed.size(), fed_max, limits_.context});
  sequence->result.id = request.id;
  sequence->result.prompt_tokens = static_cast<std::uint32_t>(prompt);
  sequence->result.tokens = request.resumed;
  sequence->request = std::move(request);
  return sequence;
}

void Scheduler::admit() {
  while (!waiting_.empty() && running_.size() < limits_.sequences_max) {
    auto pages = pages_.take(pages_needed(waiting_.front()));
    if (!pages) return;
    auto sequence = seat(std::move(waiting_.front()));
    waiting_.pop_front();
    sequence->pages = std::move(*pages);
    const std::size_t prompt = sequence->request.tokens.size();
    const std::size_t most = limits_.context - std::min(limits_.context, prompt) + 1;
    sequence->result.tokens.reserve(std::min<std::size_t>(sequence->request.max_tokens, most));
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
        std::min({sequence->known - sequence->cached, limits_.chunk_tokens, left});
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

std::unique_ptr<Running> Scheduler::take_out(SequenceId id) {
  const auto running = std::ranges::find_if(
      running_, [id](const auto& sequence) { return sequence->request.id == id; });
  if (running != running_.end()) {
    auto sequence = std::move(*running);
    running_.erase(running);
    pages_.give_back(sequence->pages);
    return sequence;
  }
  const auto waiting = std::ranges::find(waiting_, id, &SequenceRequest::id);
  if (waiting == waiting_.end()) return nullptr;
  auto sequence = seat(std::move(*waiting));
  waiting_.erase(waiting);
  return sequence;
}

std::vector<std::unique_ptr<Running>> Scheduler::drain() {
  auto all = std::move(running_);
  running_.clear();
  for (auto& request : waiting_) {
    all.push_back(seat(std::move(request)));
  }
  waiting_.clear();
  for (auto& sequence : all) pages_.give_back(sequence->pages);
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a->result.id < b->result.id; });
  return all;
}

}  // namespace switchyard::engine
