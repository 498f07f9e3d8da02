// runtime/moe/expert_store.h -- the packed experts that this rank holds, by (MoE layer, expert).
// Weights only: an expert rank has no other state (law 3). Filled by the engine's loader.
// Thread safety: distinct objects: safe; shared objects: safe while nobody adds or removes.
#pragma once

#include <memory>
#include <vector>

#include "kernels/device.h"
#include "runtime/base/ids.h"

namespace switchyard::moe {

class ExpertStore {
 public:
  ExpertStore(std::size_t layers, std::size_t experts)
      : experts_(experts), held_(layers * experts) {}

  void add(std::size_t moe_layer, ExpertId expert, std::unique_ptr<kernels::PackedExpert> packed) {
    bytes_ += packed->bytes();
    ++count_;
    held_.at(moe_layer * experts_ + expert.index()) = std::move(packed);
  }
  // Not while a batch that uses it is being served.
  void remove(std::size_t moe_layer, ExpertId expert) {
    auto& packed = held_.at(moe_layer * experts_ + expert.index());
    if (packed == nullptr) return;
    bytes_ -= packed->bytes();
    --count_;
    packed.reset();
  }
  // nullptr when this rank does not hold it.
  [[nodiscard]] const kernels::PackedExpert* find(std::size_t moe_layer,
                                                  ExpertId expert) const noexcept {
    return held_[moe_layer * experts_ + expert.index()].get();
  }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }

 private:
  std::size_t experts_;
  std::vector<std::unique_ptr<kernels::PackedExpert>> held_;  // [layers * experts]
  std::size_t bytes_ = 0;
  std::size_t count_ = 0;
};

}  // namespace switchyard::moe
