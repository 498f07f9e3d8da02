// runtime/engine/arrivals.h -- the requests of a run in the order in which they arrive, handed out
// as their time comes. Knows no engine and no clock; what is done with a request is the caller's.
// Thread safety: shared objects: unsafe.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "runtime/engine/sequence.h"

namespace switchyard::engine {

class Arrivals {
 public:
  // Ordered by arrival; those that arrive together keep their order.
  explicit Arrivals(std::vector<SequenceRequest> requests);

  [[nodiscard]] std::size_t size() const noexcept { return requests_.size(); }
  [[nodiscard]] std::size_t handed() const noexcept { return handed_; }
  // True when all were handed out.
  [[nodiscard]] bool over() const noexcept { return handed_ == requests_.size(); }
  // Those that have arrived `elapsed` after the start and were not handed out yet; now they are.
  // Valid until the object goes.
  [[nodiscard]] std::span<const SequenceRequest> take(Duration elapsed);
  // All that were not handed out yet, whenever they arrive.
  [[nodiscard]] std::span<const SequenceRequest> take_rest();
  // When the next one arrives; nothing when all were handed out.
  [[nodiscard]] std::optional<Duration> next() const;
  // Only the first `count` count as handed out: the others were lost on their way, or did not fit.
  void hand_out_again_from(std::size_t count);

 private:
  std::vector<SequenceRequest> requests_;
  std::size_t handed_ = 0;
};

}  // namespace switchyard::engine
