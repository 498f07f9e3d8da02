// runtime/net/close_on_exec.h -- keeps a descriptor out of child processes: Asio makes its sockets
// without SOCK_CLOEXEC, and a child that inherits one would hold an authenticated connection open
// and could speak on it. Thread safety: functions without state; a child that another thread starts
// between the making of a socket and this call still gets it.
#pragma once

#include <fcntl.h>

namespace switchyard::net {

inline void close_on_exec(int descriptor) noexcept {
  const int flags = ::fcntl(descriptor, F_GETFD);
  if (flags >= 0) (void)::fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC);
}

}  // namespace switchyard::net
