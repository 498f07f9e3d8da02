// runtime/control/stabiliser.h -- remembers what was wanted lately, so that a short swing does not
// scale: down only to the largest number of the down window, up only to the smallest of the up
// window. Source: stabilizationWindowSeconds of the Kubernetes horizontal pod autoscaler. Thread
// safety: distinct objects: safe; shared objects: unsafe. Time is an argument.
#pragma once

#include <cstddef>
#include <deque>

#include "runtime/base/clock.h"

namespace switchyard::control {

class Stabiliser {
 public:
  Stabiliser(Duration up_window, Duration down_window)
      : up_window_(up_window), down_window_(down_window) {}

  // Records `wanted` and returns what the windows let through, between current and wanted. The
  // first call also records `current`, so that a fresh autoscaler knows no less than a whole window
  // before it scales down.
  [[nodiscard]] std::size_t stabilise(std::size_t current, std::size_t wanted, TimePoint now);
  // Records a number that somebody else wants.
  void record(std::size_t wanted, TimePoint now) { entries_.push_back({now, wanted}); }

 private:
  struct Entry {
    TimePoint at;
    std::size_t wanted;
  };
  Duration up_window_;
  Duration down_window_;
  std::deque<Entry> entries_;  // oldest first, within the longer window
};

}  // namespace switchyard::control
