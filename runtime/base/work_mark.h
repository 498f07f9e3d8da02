// runtime/base/work_mark.h -- since when a thread is at work on something that ends by itself: set
// by that thread, read by others, which so can tell a long computation from one that hangs. Not how
// much was done (step counters) and not what the work is.
// Thread safety: WorkMark: shared objects safe. WorkSpan: the thread that works.
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/base/clock.h"

namespace switchyard {

class WorkMark {
 public:
  // For how long it has been at work; 0: it is not.
  [[nodiscard]] Duration lasted(TimePoint now) const noexcept {
    const std::int64_t since = since_ns_.load(std::memory_order_relaxed);
    const std::int64_t at = now.time_since_epoch().count();
    return since == kNotAtWork || at <= since ? Duration::zero() : Duration(at - since);
  }

 private:
  friend class WorkSpan;
  static constexpr std::int64_t kNotAtWork = INT64_MIN;
  std::atomic<std::int64_t> since_ns_{kNotAtWork};
};

// While it lives, the thread is at work, or, within that, waits for others. Afterwards what was
// before holds again, from that moment on.
class WorkSpan {
 public:
  enum class Kind : std::uint8_t { kWork, kWait };
  // mark: null: nobody wants to know.
  WorkSpan(WorkMark* mark, const Clock& clock, Kind kind) : mark_(mark), clock_(clock) {
    if (mark_ == nullptr) return;
    before_ = mark_->since_ns_.load(std::memory_order_relaxed);
    set(kind == Kind::kWork);
  }
  ~WorkSpan() {
    if (mark_ != nullptr) set(before_ != WorkMark::kNotAtWork);
  }
  WorkSpan(const WorkSpan&) = delete;
  WorkSpan& operator=(const WorkSpan&) = delete;

 private:
  void set(bool at_work) const noexcept {
    const std::int64_t since =
        at_work ? clock_.now().time_since_epoch().count() : WorkMark::kNotAtWork;
    mark_->since_ns_.store(since, std::memory_order_relaxed);
  }

  WorkMark* mark_;
  const Clock& clock_;
  std::int64_t before_ = WorkMark::kNotAtWork;
};

}  // namespace switchyard
