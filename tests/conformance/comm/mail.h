// tests/conformance/comm/mail.h -- sends and receives for tests: owns the bytes, waits with a
// deadline.
#pragma once

#include <cstddef>
#include <list>
#include <vector>

#include "comm/transport.h"
#include "runtime/base/random.h"

namespace switchyard::comm::suite {

using Content = std::vector<std::byte>;

struct Letter {
  RankId from;
  Content content;
};

// The bytes that a message with this name has, the same on both sides.
[[nodiscard]] Content make_content(std::size_t bytes, std::uint64_t seed);

class Mail {
 public:
  explicit Mail(Transport& transport) : transport_(transport) {}

  // Keeps the content until it is sent. False if all tickets are in flight: receive, then try
  // again.
  [[nodiscard]] Result<bool> try_send(RankId to, Channel channel, const Content& content);
  // The same, waiting for a ticket.
  [[nodiscard]] Result<void> send(RankId to, Channel channel, const Content& content);
  // The next message of the channel, whoever sent it.
  [[nodiscard]] Result<Letter> receive(Channel channel);
  // One moment of waiting for `what`, which is round number `round` in a row; kDeadline after a
  // minute.
  [[nodiscard]] Result<void> rest(std::uint32_t round, const char* what);
  // Waits until nothing is in flight from here.
  [[nodiscard]] Result<void> flush();
  // Waits until every rank is here; over kControl, which must be empty.
  [[nodiscard]] Result<void> meet();
  // True if some channel has a message.
  [[nodiscard]] Result<bool> anything();

 private:
  struct Sent {
    Content content;
    SendTicket ticket;
  };
  [[nodiscard]] Result<void> collect_done();

  Transport& transport_;
  std::list<Sent> sent_;
  SteadyClock clock_;
  Deadline deadline_ = Deadline::after(clock_, std::chrono::seconds(60));
};

}  // namespace switchyard::comm::suite
