// kernels/cuda/mark_ring.h -- the last points of a stream that somebody may ask for, by number.
// Nothing is made after create(). Thread safety: shared objects: unsafe.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/cuda/cuda_memory.h"

namespace switchyard::kernels::cuda {

class MarkRing {
 public:
  [[nodiscard]] static Result<MarkRing> create();
  // A point behind all that is in the stream. Waits where that 64 points before is not passed.
  [[nodiscard]] Result<std::uint64_t> add(const Stream& stream);
  // Whether all before a point is done. Never waits.
  [[nodiscard]] Result<bool> passed(std::uint64_t mark) const;

 private:
  static constexpr std::uint64_t kMarks = 64;
  explicit MarkRing(std::vector<Event> events) noexcept : events_(std::move(events)) {}

  std::vector<Event> events_;  // [kMarks]
  std::uint64_t marked_ = 0;
};

}  // namespace switchyard::kernels::cuda
