// launcher/launch/restarts.h -- when a process that dies is started again, and when no more. The
// first time at once; where it dies young again and again, after waits that double, so that what
// is wrong for a while (a full disk, say) is over before the starts are used up. Not the starting
// (cluster_processes.h). Thread safety: shared objects: unsafe. Time is an argument.
#pragma once

#include <algorithm>
#include <vector>

#include "runtime/base/clock.h"

namespace switchyard::launcher {

class Restarts {
 public:
  // More deaths than that within the window are a fault that another start does not mend.
  static constexpr std::size_t kMax = 20;
  static constexpr Duration kWindow = std::chrono::minutes(10);
  static constexpr Duration kFirstWait = std::chrono::milliseconds(100);
  static constexpr Duration kLongestWait = std::chrono::seconds(10);
  // A life as long as that was none that failed at its start.
  static constexpr Duration kYoung = std::chrono::seconds(5);

  // It has died at `now`, after it lived for so long.
  void died(TimePoint now, Duration lived) {
    deaths_.push_back(now);
    std::erase_if(deaths_, [now](TimePoint at) { return at + kWindow < now; });
    young_in_turn_ = lived < kYoung ? young_in_turn_ + 1 : 0;
    wait_ = young_in_turn_ < 2 ? Duration::zero() : std::clamp(2 * wait_, kFirstWait, kLongestWait);
    due_ = now + wait_;
  }
  [[nodiscard]] bool used_up() const noexcept { return deaths_.size() > kMax; }
  [[nodiscard]] std::size_t deaths() const noexcept { return deaths_.size(); }
  // After the last death; zero: at once.
  [[nodiscard]] Duration wait() const noexcept { return wait_; }
  [[nodiscard]] bool due(TimePoint now) const noexcept { return now >= due_; }

 private:
  std::vector<TimePoint> deaths_;  // of late
  std::size_t young_in_turn_ = 0;
  Duration wait_{};
  TimePoint due_{};
};

}  // namespace switchyard::launcher
