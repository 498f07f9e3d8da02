#include "comm/tcp/waker.h"

#include <sys/eventfd.h>

namespace switchyard::comm::tcp {

Waker::Waker() : event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

// A counter that is full is as readable as one that has just been raised.
void Waker::wake() noexcept { (void)::eventfd_write(event_.get(), 1); }

void Waker::clear() noexcept {
  eventfd_t taken = 0;
  (void)::eventfd_read(event_.get(), &taken);
}

}  // namespace switchyard::comm::tcp
