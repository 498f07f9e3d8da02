#include "runtime/net/deadline_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <utility>
#include <vector>

namespace switchyard::net {

namespace {

// Unacknowledged data or an idle peer that answers no probes for so long ends the connection.
constexpr int kSilentPeerMs = 15'000;
constexpr int kProbeAfterSeconds = 5;

}  // namespace

struct DeadlineSocket::Guard::Watch {
  explicit Watch(const asio::any_io_executor& executor) : timer(executor) {}
  asio::steady_timer timer;
  bool armed = true;
};

DeadlineSocket::Guard::Guard(std::shared_ptr<DeadlineSocket> socket, Duration limit)
    : socket_(std::move(socket)), watch_(std::make_shared<Watch>(socket_->socket_.get_executor())) {
  watch_->timer.expires_after(limit);
  // The handler may be queued already when the guard goes: `armed` tells it so.
  watch_->timer.async_wait(
      [socket = std::weak_ptr(socket_), watch = watch_](const boost::system::error_code&) {
        const auto open = socket.lock();
        if (!watch->armed || open == nullptr) return;
        open->expired_ = true;
        open->close();
      });
}

DeadlineSocket::Guard::~Guard() {
  watch_->armed = false;
  watch_->timer.cancel();
}

DeadlineSocket::DeadlineSocket(Tcp::socket socket) : socket_(std::move(socket)) {
  if (socket_.is_open()) tune();
}

void DeadlineSocket::tune() noexcept {
  boost::system::error_code ignored;
  socket_.set_option(Tcp::no_delay(true), ignored);
  socket_.set_option(asio::socket_base::keep_alive(true), ignored);
  const int fd = socket_.native_handle();
  const int silent_ms = kSilentPeerMs;
  const int probe_s = kProbeAfterSeconds;
  // Without these the defaults of the system stand (minutes); nothing else depends on them.
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silent_ms, sizeof silent_ms);
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &probe_s, sizeof probe_s);
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &probe_s, sizeof probe_s);
}

Unexpected DeadlineSocket::translate(const boost::system::error_code& error,
                                     std::string_view what) const {
  if (expired_) return fail(ErrorCode::kDeadline, ErrorScope::kPeer, "{} took too long", what);
  if (error == asio::error::eof || error == asio::error::connection_reset ||
      error == asio::error::broken_pipe) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer, "{}: the connection was closed", what);
  }
  if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor) {
    return fail(ErrorCode::kInterrupted, ErrorScope::kPeer, "{}: closed on this side", what);
  }
  return fail(ErrorCode::kPeer, ErrorScope::kPeer, "{}: {}", what, error.message());
}

Task<Result<void>> DeadlineSocket::connect(const Endpoint& to, Duration limit) {
  const Guard guard(shared_from_this(), limit);
  boost::system::error_code error;
  std::vector<Tcp::endpoint> places;
  const auto address = asio::ip::make_address(to.host, error);
  if (!error) {
    // No resolver for plain addresses: a name service that hangs can't be cancelled.
    places.emplace_back(address, to.port);
  } else {
    Tcp::resolver resolver(socket_.get_executor());
    const auto port = std::to_string(to.port);
    const auto [unknown, found] = co_await resolver.async_resolve(to.host, port, kOutcome);
    if (unknown) co_return translate(unknown, fmt::format("host {}", to.host));
    for (const auto& entry : found) places.push_back(entry.endpoint());
  }
  const auto [refused, place] = co_await asio::async_connect(socket_, places, kOutcome);
  if (refused || expired_) co_return translate(refused, "connect");
  tune();
  co_return Result<void>();
}

Task<Result<void>> DeadlineSocket::read(MutableBytes into, Duration limit) {
  const Guard guard(shared_from_this(), limit);
  const auto buffer = asio::buffer(into.data(), into.size());
  const auto [error, count] = co_await asio::async_read(socket_, buffer, kOutcome);
  if (error) co_return translate(error, "read");
  co_return Result<void>();
}

Task<Result<void>> DeadlineSocket::write(Bytes bytes, Duration limit) {
  const Guard guard(shared_from_this(), limit);
  const auto buffer = asio::buffer(bytes.data(), bytes.size());
  const auto [error, count] = co_await asio::async_write(socket_, buffer, kOutcome);
  if (error) co_return translate(error, "write");
  co_return Result<void>();
}

Task<Result<std::size_t>> DeadlineSocket::read_some(MutableBytes into) {
  const auto self = shared_from_this();
  const auto buffer = asio::buffer(into.data(), into.size());
  const auto [error, count] = co_await socket_.async_read_some(buffer, kOutcome);
  if (error) co_return translate(error, "read");
  co_return count;
}

namespace {

struct Patience {
  explicit Patience(const asio::any_io_executor& executor) : timer(executor) {}
  asio::steady_timer timer;
  bool waiting = true;
};

void end_patience(const std::shared_ptr<Patience>& patience, Tcp::socket& socket,
                  const std::shared_ptr<DeadlineSocket>& owner, Duration limit) {
  patience->timer.expires_after(limit);
  patience->timer.async_wait([patience, &socket, owner](const boost::system::error_code& error) {
    boost::system::error_code ignored;
    if (!error && patience->waiting) socket.cancel(ignored);
  });
}

}  // namespace

Task<Result<bool>> DeadlineSocket::wait_readable(Duration limit) {
  const auto patience = std::make_shared<Patience>(socket_.get_executor());
  end_patience(patience, socket_, shared_from_this(), limit);
  const auto [error] = co_await socket_.async_wait(Tcp::socket::wait_read, kOutcome);
  patience->waiting = false;
  patience->timer.cancel();
  if (error == asio::error::operation_aborted && socket_.is_open()) co_return false;
  if (error) co_return translate(error, "wait");
  co_return true;
}

void DeadlineSocket::shutdown_write() noexcept {
  boost::system::error_code ignored;
  socket_.shutdown(Tcp::socket::shutdown_send, ignored);
}

void DeadlineSocket::close() noexcept {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

std::string DeadlineSocket::peer() const {
  boost::system::error_code error;
  const auto remote = socket_.remote_endpoint(error);
  if (error) return "unknown";
  return to_string(Endpoint{remote.address().to_string(), remote.port()});
}

}  // namespace switchyard::net
