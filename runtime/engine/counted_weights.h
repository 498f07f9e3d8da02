// runtime/engine/counted_weights.h -- a weight source that counts aloud, so that others see that a
// rank loads, and does not hang, however long it takes. Thread safety: as the source within; the
// count may be read by any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "runtime/model/weight_source.h"

namespace switchyard::engine {

class CountedWeights final : public model::WeightSource {
 public:
  // `count` outlives it.
  CountedWeights(std::unique_ptr<model::WeightSource> inner, std::atomic<std::uint64_t>& count)
      : inner_(std::move(inner)), count_(count) {}

  [[nodiscard]] const model::ModelConfig& config() const noexcept override {
    return inner_->config();
  }
  [[nodiscard]] Result<kernels::WeightView> get(const model::WeightId& id) override {
    count_.fetch_add(1, std::memory_order_relaxed);
    return inner_->get(id);
  }
  [[nodiscard]] std::string place_of(const model::WeightId& id) const override {
    return inner_->place_of(id);
  }
  [[nodiscard]] std::uint64_t fingerprint() const override { return inner_->fingerprint(); }
  void release() noexcept override { inner_->release(); }
  [[nodiscard]] std::size_t bytes_read() const noexcept override { return inner_->bytes_read(); }

 private:
  std::unique_ptr<model::WeightSource> inner_;
  std::atomic<std::uint64_t>& count_;
};

}  // namespace switchyard::engine
