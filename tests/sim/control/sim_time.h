// tests/sim/control/sim_time.h -- virtual time: what is to happen, in order of time and then of
// asking. Thread safety: shared objects: unsafe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "runtime/base/clock.h"

namespace switchyard::control {

class SimTime {
 public:
  [[nodiscard]] TimePoint now() const noexcept { return now_; }
  void at(TimePoint when, std::function<void()> what) {
    events_.push({std::max(when, now_), ++asked_, std::move(what)});
  }
  void after(Duration wait, std::function<void()> what) { at(now_ + wait, std::move(what)); }
  void run_until(TimePoint end) {
    while (!events_.empty() && events_.top().when <= end) {
      now_ = events_.top().when;
      const std::function<void()> what = std::move(events_.top().what);
      events_.pop();
      what();
    }
    now_ = std::max(now_, end);
  }

 private:
  struct Item {
    TimePoint when;
    std::uint64_t number;
    mutable std::function<void()> what;
    bool operator<(const Item& other) const {
      return std::pair(other.when, other.number) < std::pair(when, number);
    }
  };
  TimePoint now_{std::chrono::seconds(1)};
  std::uint64_t asked_ = 0;
  std::priority_queue<Item> events_;
};

}  // namespace switchyard::control
