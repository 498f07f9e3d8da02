#include "runtime/control/progress_watch.h"

#include <algorithm>

namespace switchyard::control {

void ProgressWatch::observe(const Report& report, TimePoint now) {
  const bool advanced = !reported_ || report.step != last_.step;
  if (advanced || last_.work_count == 0) {
    since_ = now;
    forgiven_ = Duration::zero();
  }
  last_ = report;
  reported_ = true;
}

void ProgressWatch::forgive(Duration time, Duration most) {
  const Duration more = std::min(time, most - std::min(most, forgiven_));
  forgiven_ += more;
  since_ += more;
}

Duration ProgressWatch::stalled(TimePoint now) const {
  if (!reported_ || last_.work_count == 0 || now <= since_) return Duration::zero();
  return now - since_;
}

}  // namespace switchyard::control
