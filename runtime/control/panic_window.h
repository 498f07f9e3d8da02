// runtime/control/panic_window.h -- notices a need far above what there is, over a short window.
// In a panic the autoscaler goes up without rate limit and cool-down, and never down. It ends when
// its reason has been absent for a stable window. Source: the panic mode of Knative's autoscaler.
// Thread safety: distinct objects: safe; shared objects: unsafe. Time is an argument.
#pragma once

#include <deque>
#include <optional>

#include "runtime/base/clock.h"

namespace switchyard::control {

class PanicWindow {
 public:
  struct Options {
    Duration window;
    Duration stable;
    double factor = 2;  // mean need / capacity over the window that starts a panic
  };
  explicit PanicWindow(const Options& options) : options_(options) {}

  // A sample of need / capacity; the answer is whether there is a panic now.
  bool observe(double need_ratio, TimePoint now);
  [[nodiscard]] bool active(TimePoint now) const {
    return reason_at_ && now - *reason_at_ < options_.stable;
  }

 private:
  struct Sample {
    TimePoint at;
    double ratio = 0;
  };
  Options options_;
  std::deque<Sample> samples_;
  std::optional<TimePoint> reason_at_;
};

}  // namespace switchyard::control
