// runtime/base/clock.h -- time as a parameter: a Clock is passed in, never read from the system.
// Deadline is a point in time that every wait takes; there is no "for ever".
// Thread safety: SteadyClock: shared objects safe. ManualClock: shared objects unsafe.
#pragma once

#include <chrono>

namespace switchyard {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual TimePoint now() const noexcept = 0;
};

class SteadyClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const noexcept override { return std::chrono::steady_clock::now(); }
};

// A clock that moves only when told to; for tests and simulation.
class ManualClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const noexcept override { return now_; }
  void advance(Duration by) noexcept { now_ += by; }

 private:
  TimePoint now_{};
};

class Deadline {
 public:
  explicit Deadline(TimePoint at) : at_(at) {}
  static Deadline after(const Clock& clock, Duration wait) { return Deadline(clock.now() + wait); }

  [[nodiscard]] bool passed(const Clock& clock) const noexcept { return clock.now() >= at_; }
  [[nodiscard]] Duration left(const Clock& clock) const noexcept {
    const auto now = clock.now();
    return now >= at_ ? Duration::zero() : at_ - now;
  }
  [[nodiscard]] TimePoint at() const noexcept { return at_; }

 private:
  TimePoint at_;
};

[[nodiscard]] inline double to_seconds(Duration duration) noexcept {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace switchyard
