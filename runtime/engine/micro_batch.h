// runtime/engine/micro_batch.h -- the rows of a step that travel together: their tokens, places in
// the KV cache, activations and selections. Made once, refilled every step.
// Thread safety: shared objects: unsafe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/device.h"
#include "runtime/engine/scheduler.h"
#include "runtime/model/activations.h"
#include "runtime/routing/router.h"

namespace switchyard::engine {

// A row whose logits are wanted.
struct WantedRow {
  std::uint32_t row = 0;  // within the micro-batch
  Running* sequence = nullptr;
  std::size_t position = 0;
};

class MicroBatch {
 public:
  explicit MicroBatch(model::Activations work);

  void clear() noexcept;
  // Adds positions begin .. begin+count-1 of a sequence.
  void add(const StepPart& part);
  // Sizes the activations once all rows are in.
  void seal();

  [[nodiscard]] std::size_t tokens() const noexcept { return ids_.size(); }
  [[nodiscard]] std::span<const std::uint32_t> ids() const noexcept { return ids_; }
  [[nodiscard]] std::span<const std::uint32_t> positions() const noexcept { return positions_; }
  [[nodiscard]] std::span<const SequenceId> sequences() const noexcept { return sequences_; }
  // Empty where no row has a residency rule.
  [[nodiscard]] moe::TokenMasks masks() const noexcept {
    return any_mask_ ? moe::TokenMasks(masks_) : moe::TokenMasks();
  }
  [[nodiscard]] Running& owner(std::size_t row) const noexcept { return *owners_[row]; }
  [[nodiscard]] kernels::KvRows kv_rows() const noexcept { return {positions_, pages_}; }
  [[nodiscard]] const std::vector<WantedRow>& wanted() const noexcept { return wanted_; }
  [[nodiscard]] model::Activations& work() noexcept { return work_; }
  [[nodiscard]] routing::Selections& selections() noexcept { return selections_; }
  [[nodiscard]] routing::TokenSignals signals(routing::SignalNeeds needs);
  void reserve_selections(std::size_t k_max) { selections_.reserve(work_.tokens_max(), k_max); }

 private:
  std::vector<std::uint32_t> ids_;
  std::vector<std::uint32_t> positions_;
  std::vector<const std::uint32_t*> pages_;
  std::vector<std::uint64_t> seeds_;
  std::vector<SequenceId> sequences_;
  std::vector<Running*> owners_;
  std::vector<const moe::RankMask*> masks_;
  bool any_mask_ = false;
  std::vector<WantedRow> wanted_;
  model::Activations work_;
  routing::Selections selections_;
};

}  // namespace switchyard::engine
