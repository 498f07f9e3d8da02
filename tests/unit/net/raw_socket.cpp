#include "tests/unit/net/raw_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/base/check.h"

namespace switchyard::net {

RawSocket::RawSocket(const Endpoint& to) : descriptor_(::socket(AF_INET, SOCK_STREAM, 0)) {
  const timeval patience{10, 0};
  (void)::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(to.port);
  SY_CHECK(::inet_pton(AF_INET, to.host.c_str(), &address.sin_addr) == 1, "{}", to.host);
  SY_CHECK(::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
           "no server at {}", to_string(to));
}

RawSocket::~RawSocket() { ::close(descriptor_); }

void RawSocket::send(Bytes bytes) {
  (void)::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

void RawSocket::send(std::string_view text) {
  send(Bytes(reinterpret_cast<const std::byte*>(text.data()), text.size()));
}

bool RawSocket::receive(MutableBytes into) {
  while (!into.empty()) {
    const auto got = ::recv(descriptor_, into.data(), into.size(), 0);
    if (got <= 0) return false;
    into = into.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

bool RawSocket::ended() {
  std::byte byte{};
  const auto got = ::recv(descriptor_, &byte, 1, 0);
  return got == 0 || (got < 0 && errno == ECONNRESET);
}

std::size_t RawSocket::trickle() {
  constexpr std::size_t kBytesMax = 10'000;
  constexpr int kPauseMs = 2;
  for (std::size_t sent = 0; sent < kBytesMax; ++sent) {
    if (::send(descriptor_, "x", 1, MSG_NOSIGNAL) != 1) return sent;
    pollfd heard{descriptor_, POLLIN, 0};
    if (::poll(&heard, 1, kPauseMs) == 1 && ended()) return sent;
  }
  return kBytesMax;
}

std::string RawSocket::receive_all() {
  std::string out;
  char piece[4096];
  for (;;) {
    const auto got = ::recv(descriptor_, piece, sizeof piece, 0);
    if (got <= 0) return out;
    out.append(piece, static_cast<std::size_t>(got));
  }
}

}  // namespace switchyard::net
