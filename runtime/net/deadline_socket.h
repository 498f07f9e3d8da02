// runtime/net/deadline_socket.h -- a TCP socket whose operations end: each takes the longest it may
// last, and a socket whose operation lasts longer is closed. At most one read and one write at a
// time. Plain, or under TLS once one of the secure_...() has succeeded. The end of a connection is
// an end whether TLS announced it or not: what matters is framed, and who can forge an end can cut
// the wire as well. Not frames (frame_io.h) and not HTTP (admin_http.h).
// Owned by shared_ptr, because operations that are under way keep it alive.
// Thread safety: one io_context of one thread; shared objects: unsafe.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/view.h"
#include "runtime/net/coroutine.h"
#include "runtime/net/endpoint.h"
#include "runtime/net/tls_identity.h"

namespace switchyard::net {

class DeadlineSocket : public std::enable_shared_from_this<DeadlineSocket> {
 public:
  explicit DeadlineSocket(Tcp::socket socket);
  ~DeadlineSocket();

  // Errors of all: kDeadline after `limit`; kPeer where the other side is gone or refuses; kIo.
  [[nodiscard]] Task<Result<void>> connect(const Endpoint& to, Duration limit);
  // TLS from here on; before anything is read or written. Errors: kPeer with what is wrong with the
  // other side, for the log.
  // As the caller: the other side's certificate must be of the authority, in time, for a server,
  // and name `host` (its address or DNS name).
  [[nodiscard]] Task<Result<void>> secure_as_caller(std::shared_ptr<TlsIdentity> tls,
                                                    std::string host, Duration limit);
  // As the one that listens. kRequired: the caller's certificate must be of the authority, in time
  // and for a client. (Under TLS 1.3 a caller learns of its refusal at its first read.)
  enum class CallerCertificate { kRequired, kNotAsked };
  [[nodiscard]] Task<Result<void>> secure_as_listener(std::shared_ptr<TlsIdentity> tls,
                                                      CallerCertificate caller, Duration limit);

  [[nodiscard]] Task<Result<void>> read(MutableBytes into, Duration limit);
  [[nodiscard]] Task<Result<void>> write(Bytes bytes, Duration limit);
  // Reads one byte or more. The one wait without a limit: for a peer that may be silent for as long
  // as the connection lasts; closing the socket ends it.
  [[nodiscard]] Task<Result<std::size_t>> read_some(MutableBytes into);
  // Waits until there is something to read (under TLS: something that was decrypted); leaves the
  // socket open. False: nothing came.
  [[nodiscard]] Task<Result<bool>> wait_readable(Duration limit);

  // Says that nothing more will be written.
  void shutdown_write() noexcept;
  // The same; then throws away what still comes until the other side closes, `limit` at most, and
  // closes. Closing with unread bytes would take our last words with it.
  [[nodiscard]] Task<void> linger(Duration limit);
  void close() noexcept;
  [[nodiscard]] bool is_open() const { return socket_.is_open(); }
  // "127.0.0.1:4711", for logs.
  [[nodiscard]] std::string peer() const;

  // Bounds several operations together: closes the socket unless the guard is gone within the
  // limit.
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

 private:
  struct Tls;
  using Outcome = std::tuple<boost::system::error_code, std::size_t>;

  void tune() noexcept;
  [[nodiscard]] Task<Result<void>> connect_to_one_of(std::vector<Tcp::endpoint> places);
  [[nodiscard]] Task<Result<void>> shake_hands(std::shared_ptr<TlsIdentity> identity,
                                               std::unique_ptr<Tls> tls, Duration limit);
  // The error of an operation as an Error; a socket that a guard closed says kDeadline.
  [[nodiscard]] Unexpected translate(const boost::system::error_code& error,
                                     std::string_view what) const;
  [[nodiscard]] Task<Outcome> receive_some(MutableBytes into);
  [[nodiscard]] MutableBytes take_ahead(MutableBytes into);

  Tcp::socket socket_;
  std::unique_ptr<Tls> tls_;        // null: plain
  std::optional<std::byte> ahead_;  // decrypted by wait_readable(), not read yet
  bool expired_ = false;
};

}  // namespace switchyard::net
