#include "runtime/engine/arrivals.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace switchyard::engine {

Arrivals::Arrivals(std::vector<SequenceRequest> requests) : requests_(std::move(requests)) {
  std::ranges::stable_sort(requests_, {}, &SequenceRequest::arrival);
}

std::span<const SequenceRequest> Arrivals::take(Duration elapsed) {
  const std::size_t begin = handed_;
  while (handed_ < requests_.size() && requests_[handed_].arrival <= elapsed) ++handed_;
  return std::span(requests_).subspan(begin, handed_ - begin);
}

std::span<const SequenceRequest> Arrivals::take_rest() { return take(Duration::max()); }

std::optional<Duration> Arrivals::next() const {
  if (over()) return std::nullopt;
  return requests_[handed_].arrival;
}

void Arrivals::hand_out_again_from(std::size_t count) {
  SY_CHECK(count <= handed_, "{} of {}", count, handed_);
  handed_ = count;
}

}  // namespace switchyard::engine
