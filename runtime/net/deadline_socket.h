// runtime/net/deadline_socket.h -- a TCP socket whose operations end: each takes the longest it may
// last, and a socket whose operation lasts longer is closed. At most one read and one write at a
// time. Not frames (frame_io.h) and not HTTP (admin_http.h).
// Owned by shared_ptr, because operations that are under way keep it alive.
// Thread safety: one io_context of one thread; shared objects: unsafe.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "runtime/base/clock.h"
#include "runtime/base/view.h"
#include "runtime/net/coroutine.h"
#include "runtime/net/endpoint.h"

namespace switchyard::net {

class DeadlineSocket : public std::enable_shared_from_this<DeadlineSocket> {
 public:
  explicit DeadlineSocket(Tcp::socket socket);

  // Errors of all: kDeadline after `limit`; kPeer where the other side is gone or refuses; kIo.
  [[nodiscard]] Task<Result<void>> connect(const Endpoint& to, Duration limit);
  [[nodiscard]] Task<Result<void>> read(MutableBytes into, Duration limit);
  [[nodiscard]] Task<Result<void>> write(Bytes bytes, Duration limit);
  // Reads one byte or more. The one wait without a limit: for a peer that may be silent for as long
  // as the connection lasts; closing the socket ends it.
  [[nodiscard]] Task<Result<std::size_t>> read_some(MutableBytes into);
  // Waits until there is something to read; leaves the socket open. False: nothing came.
  [[nodiscard]] Task<Result<bool>> wait_readable(Duration limit);

  // Says that nothing more will be written.
  void shutdown_write() noexcept;
  void close() noexcept;
  [[nodiscard]] bool is_open() const { return socket_.is_open(); }
  // "127.0.0.1:4711", for logs.
  [[nodiscard]] std::string peer() const;

  // For operations of other libraries on the raw socket: closes the socket unless the guard is gone
  // within the limit.
  class Guard {
   public:
    Guard(std::shared_ptr<DeadlineSocket> socket, Duration limit);
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    ~Guard();

   private:
    struct Watch;
    std::shared_ptr<DeadlineSocket> socket_;
    std::shared_ptr<Watch> watch_;
  };
  [[nodiscard]] Tcp::socket& raw() noexcept { return socket_; }
  // The error of an operation on it as an Error; a socket that a guard closed says kDeadline.
  [[nodiscard]] Unexpected translate(const boost::system::error_code& error,
                                     std::string_view what) const;

 private:
  void tune() noexcept;

  Tcp::socket socket_;
  bool expired_ = false;
};

}  // namespace switchyard::net
