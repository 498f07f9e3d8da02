#include "runtime/control/panic_window.h"

namespace switchyard::control {

bool PanicWindow::observe(double need_ratio, TimePoint now) {
  samples_.push_back({now, need_ratio});
  while (now - samples_.front().at >= options_.window) samples_.pop_front();
  double sum = 0;
  for (const Sample& sample : samples_) sum += sample.ratio;
  if (sum >= options_.factor * static_cast<double>(samples_.size())) reason_at_ = now;
  return active(now);
}

}  // namespace switchyard::control
