#include "runtime/engine/micro_batch.h"

namespace switchyard::engine {

MicroBatch::MicroBatch(model::Activations work) : work_(std::move(work)) {
  const std::size_t tokens_max = work_.tokens_max();
  ids_.reserve(tokens_max);
  positions_.reserve(tokens_max);
  pages_.reserve(tokens_max);
  seeds_.reserve(tokens_max);
  sequences_.reserve(tokens_max);
  owners_.reserve(tokens_max);
  masks_.reserve(tokens_max);
  wanted_.reserve(tokens_max);
}

void MicroBatch::clear() noexcept {
  ids_.clear();
  positions_.clear();
  pages_.clear();
  seeds_.clear();
  sequences_.clear();
  owners_.clear();
  masks_.clear();
  any_mask_ = false;
  wanted_.clear();
}

void MicroBatch::add(const StepPart& part) {
  auto& sequence = *part.sequence;
  const auto& request = sequence.request;
  for (std::size_t i = 0; i < part.count; ++i) {
    const std::size_t position = part.begin + i;
    const bool last = position + 1 >= request.tokens.size();
    if (last || request.wanted == LogitsWanted::kAll) {
      wanted_.push_back({static_cast<std::uint32_t>(ids_.size()), &sequence, position});
    }
    ids_.push_back(sequence.input(position));
    positions_.push_back(static_cast<std::uint32_t>(position));
    pages_.push_back(sequence.pages.data());
    seeds_.push_back(request.seed);
    sequences_.push_back(request.id);
    owners_.push_back(&sequence);
    masks_.push_back(request.allowed.get());
    any_mask_ |= request.allowed != nullptr;
  }
}

void MicroBatch::seal() { work_.resize(ids_.size()); }

routing::TokenSignals MicroBatch::signals(routing::SignalNeeds needs) {
  routing::TokenSignals signals;
  signals.token_ids = ids_;
  signals.positions = positions_;
  signals.sequence_seeds = seeds_;
  if (needs.residual_variance) signals.residual_variance = work_.residual_variance();
  return signals;
}

}  // namespace switchyard::engine
