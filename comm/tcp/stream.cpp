#include "comm/tcp/stream.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

namespace switchyard::comm::tcp {
namespace {

constexpr std::uint64_t kMagic = 0x31'4b'4e'4c'59'57'53'00ULL;  // "\0SWYLNK1"

// Nothing now: later. Zero or less otherwise: the connection has ended.
bool later() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

Hello::Wire Hello::encode() const {
  Wire wire{};
  const std::uint32_t rank = from.value();
  std::memcpy(wire.data(), &kMagic, sizeof kMagic);
  std::memcpy(wire.data() + 8, &rank, sizeof rank);
  std::memcpy(wire.data() + 12, &stream, sizeof stream);
  std::memcpy(wire.data() + 16, token.data(), token.size());
  return wire;
}

std::optional<Hello> Hello::decode(const Wire& wire) {
  std::uint64_t magic = 0;
  std::uint32_t rank = 0;
  Hello out;
  std::memcpy(&magic, wire.data(), sizeof magic);
  std::memcpy(&rank, wire.data() + 8, sizeof rank);
  std::memcpy(&out.stream, wire.data() + 12, sizeof out.stream);
  std::memcpy(out.token.data(), wire.data() + 16, out.token.size());
  if (magic != kMagic) return std::nullopt;
  out.from = RankId(rank);
  return out;
}

void Stream::use(Socket socket, const std::optional<Hello>& greeting) {
  // What waits for the peer to come goes over the new connection; what an old one has taken in part
  // has lost its reader.
  const bool fresh = !socket_.is_open() && !broken_;
  if (!fresh) break_off();
  socket_ = std::move(socket);
  broken_ = false;
  header_got_ = 0;
  greeting_left_ = greeting ? Hello::kBytes : 0;
  if (greeting) greeting_ = greeting->encode();
  pump();
}

void Stream::break_off() {
  socket_.close();
  broken_ = true;
  header_got_ = 0;
  greeting_left_ = 0;
  while (first_ != Outgoing::kNone) {
    Outgoing& send = (*sends_)[first_];
    send.done = true;
    first_ = send.next;
  }
  last_ = Outgoing::kNone;
}

void Stream::await_other() {
  (void)waiting();  // notices that the old one is gone
  broken_ = false;
}

void Stream::post(std::uint32_t slot) {
  Outgoing& send = (*sends_)[slot];
  if (broken_) {
    send.done = true;
    return;
  }
  if (last_ == Outgoing::kNone) {
    first_ = slot;
  } else {
    (*sends_)[last_].next = slot;
  }
  last_ = slot;
  if (first_ == slot) pump();
}

bool Stream::greet() {
  while (greeting_left_ > 0) {
    const auto went = ::send(socket_.get(), greeting_.data() + Hello::kBytes - greeting_left_,
                             greeting_left_, MSG_NOSIGNAL);
    if (went < 0 && later()) return false;
    if (went <= 0) {
      break_off();
      return false;
    }
    greeting_left_ -= static_cast<std::size_t>(went);
  }
  return true;
}

// True when the first send has left whole.
bool Stream::write_first() {
  Outgoing& send = (*sends_)[first_];
  const std::size_t total = sizeof(Header) + send.bytes.size();
  while (send.sent < total) {
    std::array<iovec, 2> parts{};
    std::size_t count = 0;
    if (send.sent < sizeof(Header)) {
      auto* header = reinterpret_cast<std::byte*>(&send.header);
      parts[count++] = {header + send.sent, sizeof(Header) - send.sent};
    }
    const std::size_t skip = send.sent > sizeof(Header) ? send.sent - sizeof(Header) : 0;
    if (send.bytes.size() > skip) {
      // sendmsg takes what it only reads as a pointer to something it may write.
      parts[count++] = {const_cast<std::byte*>(send.bytes.data()) + skip, send.bytes.size() - skip};
    }
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = count;
    const auto went = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    if (went < 0 && later()) return false;
    if (went <= 0) {
      break_off();
      return false;
    }
    send.sent += static_cast<std::size_t>(went);
  }
  return true;
}

void Stream::pump() {
  if (!socket_.is_open() || !greet()) return;
  while (first_ != Outgoing::kNone && write_first()) {
    Outgoing& send = (*sends_)[first_];
    send.done = true;
    first_ = send.next;
    if (first_ == Outgoing::kNone) last_ = Outgoing::kNone;
  }
}

std::optional<std::size_t> Stream::waiting() {
  if (!socket_.is_open()) return std::nullopt;
  while (header_got_ < sizeof header_) {
    const auto came = ::recv(socket_.get(), reinterpret_cast<std::byte*>(&header_) + header_got_,
                             sizeof header_ - header_got_, 0);
    // A connection that is still being made has nothing to read yet.
    if (came < 0 && (later() || errno == ENOTCONN)) return std::nullopt;
    if (came <= 0) {
      break_off();
      return std::nullopt;
    }
    header_got_ += static_cast<std::size_t>(came);
  }
  if (header_ <= bytes_max_) return static_cast<std::size_t>(header_);
  break_off();
  return std::nullopt;
}

Result<bool> Stream::read(MutableBytes into, std::size_t& got) {
  while (got < into.size()) {
    const auto came =
        socket_.is_open() ? ::recv(socket_.get(), into.data() + got, into.size() - got, 0) : 0;
    if (came < 0 && later()) return false;
    if (came <= 0) {
      break_off();
      return fail(ErrorCode::kPeer, ErrorScope::kPeer, "its connection ended in the middle");
    }
    got += static_cast<std::size_t>(came);
  }
  header_got_ = 0;
  return true;
}

}  // namespace switchyard::comm::tcp
