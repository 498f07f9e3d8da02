// runtime/net/wakeup.h -- lets one coroutine wait until another has something for it. A notify()
// before the wait is not lost; several are one.
// Thread safety: one io_context of one thread; shared objects: unsafe.
#pragma once

#include <boost/asio/steady_timer.hpp>

#include "runtime/base/clock.h"
#include "runtime/net/coroutine.h"

namespace switchyard::net {

class Wakeup {
 public:
  explicit Wakeup(const asio::any_io_executor& executor) : timer_(executor) {}

  void notify() {
    notified_ = true;
    timer_.cancel();
  }
  // Returns after a notify() or at `until`, whichever is first.
  [[nodiscard]] Task<void> wait(TimePoint until) {
    if (!notified_) {
      timer_.expires_at(until);
      co_await timer_.async_wait(kOutcome);
    }
    notified_ = false;
  }

 private:
  asio::steady_timer timer_;
  bool notified_ = false;
};

}  // namespace switchyard::net
