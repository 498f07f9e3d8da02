#include "comm/tcp/socket.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace switchyard::comm::tcp {
namespace {

// One connection carries whole batches of rows; the default of 16 KiB would make the sender wait
// for the reader again and again.
constexpr int kBufferBytes = 4 << 20;

Unexpected refused(const char* call) {
  return fail(ErrorCode::kIo, "{}: {}", call, std::strerror(errno));
}

Result<sockaddr_in> numeric(const std::string& host, std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  if (::inet_pton(AF_INET, host.c_str(), &out.sin_addr) != 1) {
    return fail(ErrorCode::kBadInput, "'{}' is no IPv4 address", host);
  }
  return out;
}

// host: numeric or a name.
Result<sockaddr_in> resolve(const std::string& host) {
  constexpr std::uint16_t kAnyPort = 9;
  addrinfo want{};
  want.ai_family = AF_INET;
  addrinfo* found = nullptr;
  if (const int code = ::getaddrinfo(host.c_str(), nullptr, &want, &found); code != 0) {
    return fail(ErrorCode::kBadInput, "{}: {}", host, ::gai_strerror(code));
  }
  sockaddr_in out{};
  std::memcpy(&out, found->ai_addr, sizeof out);
  ::freeaddrinfo(found);
  out.sin_port = htons(kAnyPort);
  return out;
}

void prepare(const Socket& socket) {
  const int one = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &kBufferBytes, sizeof kBufferBytes);
}

Socket new_socket(int kind) {
  return Socket(::socket(AF_INET, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

const sockaddr* generic(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

}  // namespace

Socket::~Socket() {
  if (handle_ >= 0) ::close(handle_);
}

Result<Address> Address::parse(std::string_view text) {
  const auto wrong = [&] {
    return fail(ErrorCode::kBadInput, "'{}' is no address; expected HOST:PORT/TOKEN", text);
  };
  const auto colon = text.find(':');
  const auto slash = text.find('/');
  if (colon == std::string_view::npos || slash == std::string_view::npos || slash < colon) {
    return wrong();
  }
  Address out;
  out.host = text.substr(0, colon);
  const auto port = text.substr(colon + 1, slash - colon - 1);
  const auto read = std::from_chars(port.data(), port.data() + port.size(), out.port);
  const auto token = text.substr(slash + 1);
  if (read.ec != std::errc() || read.ptr != port.data() + port.size() ||
      token.size() != 2 * out.token.size()) {
    return wrong();
  }
  for (std::size_t i = 0; i < out.token.size(); ++i) {
    std::uint8_t value = 0;
    const char* digits = token.data() + 2 * i;
    if (std::from_chars(digits, digits + 2, value, 16).ptr != digits + 2) return wrong();
    out.token[i] = static_cast<std::byte>(value);
  }
  SY_TRY(numeric(out.host, out.port));
  return out;
}

std::string Address::text() const {
  std::string out = fmt::format("{}:{}/", host, port);
  for (const std::byte b : token) out += fmt::format("{:02x}", static_cast<unsigned>(b));
  return out;
}

Result<Token> make_token() {
  Token token{};
  if (::getrandom(token.data(), token.size(), 0) != static_cast<ssize_t>(token.size())) {
    return refused("getrandom");
  }
  return token;
}

bool same(const Token& a, const Token& b) noexcept {
  std::byte differs{0};
  for (std::size_t i = 0; i < a.size(); ++i) differs |= a[i] ^ b[i];
  return differs == std::byte{0};
}

Result<Listening> listen_on(const std::string& host) {
  SY_ASSIGN(const auto where, numeric(host, 0));
  Listening out{new_socket(SOCK_STREAM), 0};
  sockaddr_in bound{};
  socklen_t size = sizeof bound;
  if (::bind(out.socket.get(), generic(where), sizeof where) != 0) return refused("bind");
  if (::listen(out.socket.get(), SOMAXCONN) != 0) return refused("listen");
  if (::getsockname(out.socket.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
    return refused("getsockname");
  }
  out.port = ntohs(bound.sin_port);
  return out;
}

Result<Socket> begin_connect(const Address& address) {
  SY_ASSIGN(const auto where, numeric(address.host, address.port));
  Socket socket = new_socket(SOCK_STREAM);
  if (!socket.is_open()) return refused("socket");
  prepare(socket);
  if (::connect(socket.get(), generic(where), sizeof where) != 0 && errno != EINPROGRESS) {
    return refused("connect");
  }
  return socket;
}

Socket accept_one(const Socket& listening) {
  Socket socket(::accept4(listening.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (socket.is_open()) prepare(socket);
  return socket;
}

Result<std::string> own_host_towards(const std::string& host) {
  SY_ASSIGN(const auto there, resolve(host));
  const Socket socket = new_socket(SOCK_DGRAM);
  sockaddr_in here{};
  socklen_t size = sizeof here;
  if (::connect(socket.get(), generic(there), sizeof there) != 0) return refused("connect");
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&here), &size) != 0) {
    return refused("getsockname");
  }
  std::array<char, INET_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET, &here.sin_addr, text.data(), text.size());
  return std::string(text.data());
}

}  // namespace switchyard::comm::tcp
