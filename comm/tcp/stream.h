// comm/tcp/stream.h -- the messages of one channel with one peer, over one TCP connection: a header
// with the length, then the bytes. A peer that is gone is no error: what is sent to it is dropped
// and nothing comes from it, as with MPI; who is dead the control plane says. Not who connects to
// whom (tcp_transport.h). Thread safety: the rank's engine thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "comm/tcp/socket.h"
#include "comm/transport.h"

namespace switchyard::comm::tcp {

// The first bytes on a connection: who opens it, for which channel.
struct Hello {
  static constexpr std::size_t kBytes = 32;
  using Wire = std::array<std::byte, kBytes>;

  RankId from;
  std::uint32_t stream = 0;
  Token token{};

  [[nodiscard]] Wire encode() const;
  // Nothing for bytes that are no hello.
  [[nodiscard]] static std::optional<Hello> decode(const Wire& wire);
};

using Header = std::uint64_t;  // bytes of the message, in the byte order of the hosts, as rows are

// A posted send, chained in the queue of its stream.
struct Outgoing {
  static constexpr std::uint32_t kNone = UINT32_MAX;
  Bytes bytes;
  Header header = 0;
  std::size_t sent = 0;  // of the header and the bytes
  std::uint32_t next = kNone;
  bool done = false;
};

class Stream {
 public:
  // sends: of the whole transport, by slot; outlives the stream. bytes_max: of a message.
  Stream(std::vector<Outgoing>& sends, std::size_t bytes_max)
      : sends_(&sends), bytes_max_(bytes_max) {}

  // Takes a connection on its way or open; one that was there before is broken off. greeting: said
  // first, where this side has opened it.
  void use(Socket socket, const std::optional<Hello>& greeting);
  // Drops what waits to be sent; nothing comes any more.
  void break_off();

  // Another process will come for the one that is gone: what is sent from now on waits for it.
  void await_other();
  // Queues the send. Blocks: no.
  void post(std::uint32_t slot);
  // Writes what the connection takes now. Blocks: no.
  void pump();
  // The length of the message that waits, if one does. Blocks: no.
  [[nodiscard]] std::optional<std::size_t> waiting();
  // Reads what is there of the message that waits into into[got ..]; true when it is whole. Blocks:
  // no. Errors: kPeer: the connection ended before.
  [[nodiscard]] Result<bool> read(MutableBytes into, std::size_t& got);

  [[nodiscard]] bool broken() const noexcept { return broken_; }
  [[nodiscard]] bool holds() const noexcept { return header_got_ == sizeof header_; }
  // Messages, or the greeting of a connection that was not up yet when it was handed over.
  [[nodiscard]] bool unsent() const noexcept {
    return first_ != Outgoing::kNone || greeting_left_ > 0;
  }
  [[nodiscard]] int handle() const noexcept { return socket_.get(); }

 private:
  [[nodiscard]] bool greet();
  [[nodiscard]] bool write_first();

  std::vector<Outgoing>* sends_;
  std::size_t bytes_max_;
  Socket socket_;  // closed: the peer has not come yet, or is gone
  bool broken_ = false;
  Hello::Wire greeting_{};
  std::size_t greeting_left_ = 0;
  std::uint32_t first_ = Outgoing::kNone;  // queue of sends
  std::uint32_t last_ = Outgoing::kNone;
  Header header_ = 0;  // of the message that comes
  std::size_t header_got_ = 0;
};

}  // namespace switchyard::comm::tcp
