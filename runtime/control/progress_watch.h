// runtime/control/progress_watch.h -- for how long a rank has had work and not advanced a step.
// A heartbeat thread may live while the thread that computes is stuck; the step counter may not.
// Thread safety: distinct objects: safe; shared objects: unsafe. Time is an argument.
#pragma once

#include <cstdint>

#include "runtime/base/clock.h"

namespace switchyard::control {

class ProgressWatch {
 public:
  struct Report {
    std::uint64_t step = 0;        // finished exchanges (router), served batches (expert rank)
    std::uint64_t work_count = 0;  // open sequences (router), dispatches (expert rank)
  };

  // A report of the rank has come. A counter that differs from the last one, in either direction,
  // is progress (a rank that started anew counts from 0).
  void observe(const Report& report, TimePoint now);

  // 0 while idle or before the first report. Grows from the later of: the last advance, the moment
  // at which work appeared. Silence does not stop it: a rank that had work still has it.
  [[nodiscard]] Duration stalled(TimePoint now) const;

  // Whoever watches stood still for so long, and saw no report.
  void excuse(Duration pause) { since_ += pause; }
  // It computed, or waited for who did, for so long; of one standstill no more than `most` in all.
  void forgive(Duration time, Duration most);

 private:
  bool reported_ = false;
  Report last_;
  TimePoint since_{};
  Duration forgiven_{};  // of this standstill
};

}  // namespace switchyard::control
