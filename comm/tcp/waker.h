// comm/tcp/waker.h -- wakes a thread that sleeps on its sockets: one more descriptor to poll
// (eventfd(2)). A wake before the sleep is not lost. Not a message; the woken one looks again.
// Thread safety: wake(): anyone, any time. The rest: the owner's thread only.
#pragma once

#include "comm/tcp/socket.h"

namespace switchyard::comm::tcp {

class Waker {
 public:
  Waker();
  void wake() noexcept;
  // Readable while a wake has not been taken; -1 where the system gives no descriptor: sleeps then
  // end by themselves only.
  [[nodiscard]] int handle() const noexcept { return event_.get(); }
  // Takes all wakes so far.
  void clear() noexcept;

 private:
  Socket event_;
};

}  // namespace switchyard::comm::tcp
