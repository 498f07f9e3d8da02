// Engine's last part of a step: the output head over the rows whose logits or token are wanted.
// What only the token of greedy decoding is wanted of leaves its logits on the device.
#include <algorithm>

#include "kernels/ops/greatest.h"
#include "runtime/engine/engine.h"

namespace switchyard::engine {
namespace {

// What the device has chosen, if anything.
std::optional<std::uint32_t> chosen(std::uint32_t index) {
  return index == kernels::kNoIndex ? std::nullopt : std::optional(index);
}

}  // namespace

Engine::HeadRead Engine::read_of(const WantedRow& wanted) const {
  const auto& request = wanted.sequence->request;
  const bool seen = request.digest == DigestWanted::kYes ||
                    (observer_ != nullptr && observer_->wants_logits(request));
  if (seen) return HeadRead::kLogits;
  const bool given = wanted.position + 1 < request.tokens.size() + request.resumed.size();
  if (given || request.max_tokens == 0) return HeadRead::kNothing;
  return request.sampling.greedy() ? HeadRead::kToken : HeadRead::kLogits;
}

// The wanted rows of one kind, so many at a time as the head takes.
Result<void> Engine::run_head(MicroBatch& batch, HeadRead read) {
  head_wanted_.clear();
  for (const auto& wanted : batch.wanted()) {
    if (read_of(wanted) != read) continue;
    head_wanted_.push_back(wanted);
    if (head_wanted_.size() == transformer_.head_rows_max()) {
      SY_TRY(read_head_rows(batch, read));
    }
  }
  return head_wanted_.empty() ? Result<void>{} : read_head_rows(batch, read);
}

Result<void> Engine::read_head_rows(MicroBatch& batch, HeadRead read) {
  const std::size_t count = head_wanted_.size();
  const MatrixView<float> logits(buffers_.logits.data(), count, transformer_.config().vocab);
  const auto ids = buffers_.greedy_ids.span().first(count);
  head_rows_.clear();
  for (const auto& wanted : head_wanted_) head_rows_.push_back(wanted.row);
  if (read == HeadRead::kLogits) transformer_.head(head_rows_, batch.work(), logits);
  if (read == HeadRead::kToken) transformer_.greedy(head_rows_, batch.work(), ids);
  if (read != HeadRead::kNothing) SY_TRY(plane_.await_device());
  for (std::size_t i = 0; i < count; ++i) {
    const auto& wanted = head_wanted_[i];
    if (void_row(wanted)) continue;
    if (read == HeadRead::kLogits) show_logits(wanted, logits.row(i));
    if (!token_due(wanted)) continue;
    const auto token = read == HeadRead::kToken ? chosen(ids[i]) : sample(wanted, logits.row(i));
    if (token) {
      take_token(wanted, *token);
    } else {
      ended_.emplace_back(wanted.sequence, FinishReason::kNotFinite);
    }
  }
  head_wanted_.clear();
  return {};
}

// Of a sequence whose results are void; it ends with its last known position.
bool Engine::void_row(const WantedRow& wanted) {
  auto& sequence = *wanted.sequence;
  if (!sequence.forbidden) return false;
  if (wanted.position + 1 >= sequence.known) {
    ended_.emplace_back(&sequence, FinishReason::kForbidden);
  }
  return true;
}

// To all who asked for them.
void Engine::show_logits(const WantedRow& wanted, std::span<const float> logits) {
  auto& sequence = *wanted.sequence;
  if (sequence.request.digest == DigestWanted::kYes) sequence.digest.add(logits);
  if (observer_ != nullptr && observer_->wants_logits(sequence.request)) {
    observer_->on_logits(sequence.request, wanted.position, logits);
  }
}

std::optional<std::uint32_t> Engine::sample(const WantedRow& wanted,
                                            std::span<const float> logits) {
  const auto& request = wanted.sequence->request;
  return sampler_.sample(logits, request.sampling, request.seed, wanted.position + 1);
}

// Whether the row's token is to be decided; ends a sequence that wants none.
bool Engine::token_due(const WantedRow& wanted) {
  auto& sequence = *wanted.sequence;
  const auto& request = sequence.request;
  if (wanted.position + 1 < request.tokens.size()) return false;
  if (request.max_tokens == 0) {
    ended_.emplace_back(&sequence, FinishReason::kScored);
    return false;
  }
  const std::size_t index = wanted.position + 1 - request.tokens.size();  // of the token to come
  if (index >= request.resumed.size()) return true;
  end_if_full(sequence, wanted.position, index + 1);
  return false;
}

void Engine::take_token(const WantedRow& wanted, std::uint32_t token) {
  auto& sequence = *wanted.sequence;
  const auto& request = sequence.request;
  if (std::ranges::find(request.stop_tokens, token) != request.stop_tokens.end()) {
    ended_.emplace_back(&sequence, FinishReason::kStop);
    return;
  }
  sequence.result.tokens.push_back(token);
  sequence.next_token = token;
  if (observer_ != nullptr) observer_->on_token(request, token);
  end_if_full(sequence, wanted.position, sequence.result.tokens.size());
}

// `tokens`: generated once that of `position` is.
void Engine::end_if_full(Running& sequence, std::size_t position, std::size_t tokens) {
  if (tokens >= sequence.request.max_tokens) {
    ended_.emplace_back(&sequence, FinishReason::kLength);
  } else if (position + 1 >= options_.limits.context) {
    ended_.emplace_back(&sequence, FinishReason::kContext);
  }
}

}  // namespace switchyard::engine
