#include "runtime/net/deadline_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <utility>
#include <vector>

#include "runtime/net/close_on_exec.h"
#include "runtime/net/tls_stream.h"

namespace switchyard::net {

namespace {

// Unacknowledged data or an idle peer that answers no probes for so long ends the connection.
constexpr int kSilentPeerMs = 15'000;
constexpr int kProbeAfterSeconds = 5;

}  // namespace

struct DeadlineSocket::Tls {
  Tls(Tcp::socket& socket, TlsIdentity::Context owned, asio::ssl::stream_base::handshake_type as)
      : context(std::move(owned)), stream(socket, *context), role(as) {}

  TlsIdentity::Context context;
  TlsStream stream;
  asio::ssl::stream_base::handshake_type role;
};

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
DeadlineSocket::~DeadlineSocket() = default;

void DeadlineSocket::tune() noexcept {
  boost::system::error_code ignored;
  socket_.set_option(Tcp::no_delay(true), ignored);
  socket_.set_option(asio::socket_base::keep_alive(true), ignored);
  const int fd = socket_.native_handle();
  close_on_exec(fd);
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
  if (tls_ != nullptr && is_of_tls(error)) {
    return fail(ErrorCode::kPeer, ErrorScope::kPeer, "{}: TLS: {}", what,
                tls_reason(tls_->stream, error));
  }
  if (error == asio::error::eof || error == asio::ssl::error::stream_truncated ||
      error == asio::error::connection_reset || error == asio::error::broken_pipe) {
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
  co_return co_await connect_to_one_of(std::move(places));
}

// Each in turn, and none any more once the guard has closed the socket: the next try would open it
// again, and nobody would be left to end that.
Task<Result<void>> DeadlineSocket::connect_to_one_of(std::vector<Tcp::endpoint> places) {
  boost::system::error_code error = asio::error::host_not_found;
  for (const auto& place : places) {
    if (expired_) break;
    close();
    socket_.open(place.protocol(), error);
    if (error) continue;
    tune();
    const auto [refused] = co_await socket_.async_connect(place, kOutcome);
    error = refused;
    if (!error && !expired_) co_return Result<void>();
  }
  close();
  co_return translate(error, "connect");
}

Task<Result<void>> DeadlineSocket::secure_as_caller(std::shared_ptr<TlsIdentity> tls,
                                                    std::string host, Duration limit) {
  auto fresh = std::make_unique<Tls>(socket_, tls->context(), asio::ssl::stream_base::client);
  expect_host(fresh->stream, host);
  co_return co_await shake_hands(std::move(tls), std::move(fresh), limit);
}

Task<Result<void>> DeadlineSocket::secure_as_listener(std::shared_ptr<TlsIdentity> tls,
                                                      CallerCertificate caller, Duration limit) {
  auto fresh = std::make_unique<Tls>(socket_, tls->context(), asio::ssl::stream_base::server);
  if (caller == CallerCertificate::kNotAsked) ask_nothing(fresh->stream);
  co_return co_await shake_hands(std::move(tls), std::move(fresh), limit);
}

Task<Result<void>> DeadlineSocket::shake_hands(std::shared_ptr<TlsIdentity> identity,
                                               std::unique_ptr<Tls> tls, Duration limit) {
  const Guard guard(shared_from_this(), limit);
  tls_ = std::move(tls);
  const auto [error] = co_await tls_->stream.async_handshake(tls_->role, kOutcome);
  if (!error && !expired_) co_return Result<void>();
  auto failure = translate(error, "TLS handshake");
  if (!identity->trouble().empty()) {
    failure.value().message += fmt::format(" (not in use: {})", identity->trouble());
  }
  co_return failure;
}

MutableBytes DeadlineSocket::take_ahead(MutableBytes into) {
  if (!ahead_ || into.empty()) return into;
  into.front() = *std::exchange(ahead_, std::nullopt);
  return into.subspan(1);
}

Task<Result<void>> DeadlineSocket::read(MutableBytes into, Duration limit) {
  const Guard guard(shared_from_this(), limit);
  MutableBytes rest = take_ahead(into);
  while (!rest.empty()) {
    const auto [error, count] = co_await receive_some(rest);
    if (error) co_return translate(error, "read");
    rest = rest.subspan(count);
  }
  co_return Result<void>();
}

Task<Result<void>> DeadlineSocket::write(Bytes bytes, Duration limit) {
  const Guard guard(shared_from_this(), limit);
  const auto buffer = asio::buffer(bytes.data(), bytes.size());
  Outcome outcome;
  if (tls_ != nullptr) {
    outcome = co_await asio::async_write(tls_->stream, buffer, kOutcome);
  } else {
    outcome = co_await asio::async_write(socket_, buffer, kOutcome);
  }
  if (std::get<0>(outcome)) co_return translate(std::get<0>(outcome), "write");
  co_return Result<void>();
}

Task<DeadlineSocket::Outcome> DeadlineSocket::receive_some(MutableBytes into) {
  const auto buffer = asio::buffer(into.data(), into.size());
  if (tls_ != nullptr) co_return co_await tls_->stream.async_read_some(buffer, kOutcome);
  co_return co_await socket_.async_read_some(buffer, kOutcome);
}

Task<Result<std::size_t>> DeadlineSocket::read_some(MutableBytes into) {
  const auto self = shared_from_this();
  if (take_ahead(into).size() < into.size()) co_return std::size_t{1};
  const auto [error, count] = co_await receive_some(into);
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
  if (ahead_) co_return true;
  const auto patience = std::make_shared<Patience>(socket_.get_executor());
  end_patience(patience, socket_, shared_from_this(), limit);
  boost::system::error_code error;
  if (tls_ != nullptr) {
    // What came over the wire need not be anything to read; a cancelled read keeps what it has got.
    std::array<std::byte, 1> first{};
    const auto [failure, count] = co_await receive_some(first);
    if (!failure) ahead_ = first.front();
    error = failure;
  } else {
    const auto [failure] = co_await socket_.async_wait(Tcp::socket::wait_read, kOutcome);
    error = failure;
  }
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

Task<void> DeadlineSocket::linger(Duration limit) {
  const Guard guard(shared_from_this(), limit);
  shutdown_write();
  std::array<std::byte, 4096> unread{};
  const auto buffer = asio::buffer(unread.data(), unread.size());
  while (socket_.is_open()) {
    const auto [error, count] = co_await socket_.async_read_some(buffer, kOutcome);
    if (error) break;
  }
  close();
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
