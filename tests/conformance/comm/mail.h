// tests/conformance/comm/mail.h -- sends and receives for tests: owns the bytes, waits with a
// deadline.
#pragma once

#include <cstddef>
#include <deque>
#include <list>
#include <optional>
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

// One for each rank, for as long as its world lasts.
class Mail {
 public:
  explicit Mail(Transport& transport) : transport_(transport), here_(transport.size(), 0) {}

  // Keeps the content until it is sent. False if all tickets are in flight: receive, then try
  // again.
  [[nodiscard]] Result<bool> try_send(RankId to, Channel channel, const Content& content);
  // The same, waiting for a ticket.
  [[nodiscard]] Result<void> send(RankId to, Channel channel, const Content& content);
  // The next message of the channel, whoever sent it, if there is one.
  [[nodiscard]] Result<std::optional<Letter>> take(Channel channel);
  // The same, waiting for it.
  [[nodiscard]] Result<Letter> receive(Channel channel);
  // One moment of waiting for `what`, which is round number `round` in a row; kDeadline after a
  // minute.
  [[nodiscard]] Result<void> rest(std::uint32_t round, const char* what);
  // Waits until nothing is in flight from here.
  [[nodiscard]] Result<void> flush();
  // Waits until every rank is here. The meeting uses kControl; words of faster ranks for the next
  // meeting and their messages from after this one are put aside until they are asked for.
  [[nodiscard]] Result<void> meet();

 private:
  struct Sent {
    Content content;
    SendTicket ticket;
  };
  [[nodiscard]] Result<void> collect_done();
  [[nodiscard]] Result<std::optional<Letter>> take_arrived(Channel channel);

  Transport& transport_;
  std::vector<std::size_t> here_;  // words of each rank not yet used by a meeting
  std::deque<Letter> aside_;       // of kControl, taken during a meeting
  std::list<Sent> sent_;
  SteadyClock clock_;
  Deadline deadline_ = Deadline::after(clock_, std::chrono::seconds(60));
};

}  // namespace switchyard::comm::suite
