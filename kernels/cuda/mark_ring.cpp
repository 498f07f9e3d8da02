#include "kernels/cuda/mark_ring.h"

#include "kernels/cuda/limits.h"

namespace switchyard::kernels::cuda {

Result<MarkRing> MarkRing::create() {
  std::vector<Event> events;
  events.reserve(kMarks);
  for (std::uint64_t i = 0; i < kMarks; ++i) {
    SY_ASSIGN(auto event, Event::create());
    events.push_back(std::move(event));
  }
  return MarkRing(std::move(events));
}

Result<std::uint64_t> MarkRing::add(const Stream& stream) {
  Event& event = events_[(marked_ + 1) % kMarks];
  if (marked_ >= kMarks) SY_TRY(event.wait(kDeviceWaitMax));
  SY_TRY(event.record(stream));
  return ++marked_;
}

Result<bool> MarkRing::passed(std::uint64_t mark) const {
  if (mark + kMarks <= marked_) return true;  // its event was waited for, and is another's
  return events_[mark % kMarks].reached();
}

}  // namespace switchyard::kernels::cuda
