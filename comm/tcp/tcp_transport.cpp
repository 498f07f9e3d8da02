#include "comm/tcp/tcp_transport.h"

#include <poll.h>
#include <sched.h>

#include <algorithm>
#include <cstring>

#include "comm/idle_wait.h"
#include "comm/send_rules.h"
#include "runtime/base/check.h"

namespace switchyard::comm::tcp {
namespace {

// Tickets of this transport and of the inner one side by side.
constexpr std::uint32_t kOwnTicket = 1U << 31U;
constexpr std::size_t kGoodbyes = kChannelCount;  // the stream
// Newcomers are looked for when there is nothing else to do, and this often beside work.
constexpr std::uint32_t kLooksPerWelcome = 64;
// Others run first; what they send meanwhile needs no wake-up.
constexpr std::uint32_t kYieldRounds = 2;

std::vector<std::string> copy_of(std::span<const std::string> hosts) {
  return {hosts.begin(), hosts.end()};
}

std::size_t index_of(Channel channel) { return static_cast<std::size_t>(channel); }

}  // namespace

TcpTransport::TcpTransport(std::unique_ptr<Transport> inner, const TransportLimits& limits)
    : inner_(std::move(inner)),
      rank_(inner_->rank()),
      hosts_(copy_of(inner_->hosts())),
      limits_(limits),
      tickets_(limits.sends_in_flight_max),
      sends_(limits.sends_in_flight_max),
      peers_(hosts_.size()),
      lost_(hosts_.size()),
      attached_(hosts_.size()) {}

TcpTransport::TcpTransport(RankId rank, std::vector<std::string> hosts, WelcomeDesk desk,
                           const TransportLimits& limits)
    : desk_(std::move(desk)),
      rank_(rank),
      hosts_(std::move(hosts)),
      limits_(limits),
      tickets_(limits.sends_in_flight_max),
      sends_(limits.sends_in_flight_max),
      peers_(hosts_.size()),
      lost_(hosts_.size()),
      attached_(hosts_.size()) {
  for (std::uint32_t r = 0; r < peers_.size(); ++r) {
    if (RankId(r) != rank_) open_streams(peers_[r]);
  }
}

void TcpTransport::open_streams(Peer& peer) {
  peer.streams.reserve(kStreams);
  while (peer.streams.size() < kStreams) {
    peer.streams.emplace_back(sends_, limits_.message_bytes_max);
  }
}

// Whether the connection is gone; looks, because channels that nobody probes do not notice.
bool TcpTransport::broke(Stream& stream) {
  (void)stream.waiting();
  return stream.broken();
}

// Ranks with an inner transport connect; so does the lower of two that came later. The other one
// waits for the connection.
void TcpTransport::attach(RankId rank, std::string_view text) {
  if (rank == rank_ || rank.index() >= peers_.size() || text.empty()) return;
  Peer& peer = peers_[rank.index()];
  const bool known = peer.address == text;
  if (!known) {
    peer.address = text;
    open_streams(peer);
    attached_[rank.index()].store(true);
    if (inner_ != nullptr) inner_->set_lost(rank, Lost::kYes);
  }
  const auto address = Address::parse(text);
  for (std::uint32_t s = 0; s < kStreams; ++s) {
    if (known && !broke(peer.streams[s])) continue;
    if (desk_ && rank < rank_) {
      peer.streams[s].await_other();
      continue;
    }
    auto socket = address ? begin_connect(*address) : Result<Socket>(Unexpected(address.error()));
    if (socket) {
      peer.streams[s].use(std::move(socket).value(), Hello{rank_, s, address->token});
    } else {
      peer.streams[s].break_off();
    }
  }
}

void TcpTransport::pump_all() {
  for (std::size_t r = 0; r < peers_.size(); ++r) {
    for (Stream& stream : peers_[r].streams) {
      if (!stream.unsent()) continue;
      stream.pump();
      // Nobody will come to take it.
      if (!stream.broken() && stream.handle() < 0 && lost_[r].load(std::memory_order_relaxed)) {
        stream.break_off();
      }
    }
  }
}

SendTicket TcpTransport::post(RankId to, std::size_t stream, SendTicket ticket, Bytes bytes) {
  sends_[ticket.slot] = {bytes, bytes.size(), 0, Outgoing::kNone, false};
  if (to == rank_) {
    own_[stream].push_back(ticket.slot);
  } else {
    peers_[to.index()].streams[stream].post(ticket.slot);
  }
  return {ticket.slot | kOwnTicket, ticket.generation};
}

Result<SendTicket> TcpTransport::send(RankId to, Channel channel, Bytes bytes) {
  SY_TRY(check_send({.to = to, .bytes = bytes.size(), .world_size = size()}, limits_));
  if (inner_ != nullptr && peers_[to.index()].streams.empty()) {
    return inner_->send(to, channel, bytes);
  }
  const auto ticket = tickets_.take();
  if (!ticket) return too_many_sends(to, limits_);
  return post(to, index_of(channel), *ticket, bytes);
}

Result<bool> TcpTransport::send_done(SendTicket ticket) {
  if ((ticket.slot & kOwnTicket) == 0) return inner_->send_done(ticket);
  ticket.slot &= ~kOwnTicket;
  tickets_.check(ticket);
  if (!sends_[ticket.slot].done) pump_all();
  if (!sends_[ticket.slot].done) return false;
  tickets_.give_back(ticket);
  return true;
}

std::optional<Arrival> TcpTransport::look_at_streams(Channel channel) {
  std::size_t& next = next_peer_[index_of(channel)];
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    const std::size_t r = (next + i) % peers_.size();
    if (peers_[r].streams.empty()) continue;
    const auto bytes = peers_[r].streams[index_of(channel)].waiting();
    if (!bytes) continue;
    next = r + 1;
    return Arrival{RankId(static_cast<std::uint32_t>(r)), channel, *bytes};
  }
  return std::nullopt;
}

std::optional<Arrival> TcpTransport::look_at_self(Channel channel) const {
  const auto& queue = own_[index_of(channel)];
  if (queue.empty()) return std::nullopt;
  return Arrival{rank_, channel, sends_[queue.front()].bytes.size()};
}

Result<std::optional<Arrival>> TcpTransport::probe(Channel channel) {
  auto& pending = pending_[index_of(channel)];
  if (pending) return pending->arrival;
  pump_all();
  if (++looks_ % kLooksPerWelcome == 0 && desk_) {
    desk_->receive([this](const Hello& hello, Socket socket) {
      if (hello.from.index() >= peers_.size() || hello.from == rank_ || hello.stream >= kStreams) {
        return;
      }
      peers_[hello.from.index()].streams[hello.stream].use(std::move(socket), std::nullopt);
    });
  }
  // In turn, so that neither side starves the other.
  bool& inner_first = inner_first_[index_of(channel)];
  inner_first = !inner_first;
  for (const bool inner : {inner_first, !inner_first}) {
    if (inner && inner_ != nullptr) {
      SY_ASSIGN(const auto arrival, inner_->probe(channel));
      if (arrival) pending = Pending{Source::kInner, *arrival};
    } else if (!inner) {
      if (const auto arrival = look_at_streams(channel)) {
        pending = Pending{Source::kStream, *arrival};
      } else if (const auto own = look_at_self(channel)) {
        pending = Pending{Source::kSelf, *own};
      }
    }
    if (pending) return pending->arrival;
  }
  return std::nullopt;
}

void TcpTransport::receive_own(Channel channel, MutableBytes into) {
  auto& queue = own_[index_of(channel)];
  Outgoing& send = sends_[queue.front()];
  if (!into.empty()) std::memcpy(into.data(), send.bytes.data(), into.size());
  send.done = true;
  queue.erase(queue.begin());
}

Result<void> TcpTransport::receive_streamed(const Arrival& arrival, MutableBytes into) {
  Stream& stream = peers_[arrival.from.index()].streams[index_of(arrival.channel)];
  const auto place = [&](Error error) {
    return with_place(std::move(error), fmt::format("receive from rank {}", arrival.from.value()));
  };
  const SteadyClock clock;
  std::optional<Deadline> deadline;
  std::optional<Deadline> lost_deadline;  // of one that sends nothing more
  std::size_t got = 0;
  while (true) {
    const std::size_t before = got;
    auto whole = stream.read(into, got);
    if (!whole) return place(std::move(whole).error());
    if (*whole) return {};
    // The sender may itself be waiting for us to take what it has sent.
    pump_all();
    if (!deadline) deadline = Deadline::after(clock, limits_.receive_wait_max);
    const bool lost = lost_[arrival.from.index()].load(std::memory_order_relaxed);
    if (got != before) lost_deadline.reset();
    if (lost && !lost_deadline) lost_deadline = Deadline::after(clock, limits_.lost_wait_max);
    if ((lost && lost_deadline->passed(clock)) || deadline->passed(clock)) {
      stream.break_off();
      return place({ErrorCode::kPeer, ErrorScope::kPeer, "it stopped in the middle of a message"});
    }
    pollfd ready{stream.handle(), POLLIN, 0};
    (void)::poll(&ready, 1, 1);
  }
}

Result<void> TcpTransport::receive(const Arrival& arrival, MutableBytes into) {
  auto& pending = pending_[index_of(arrival.channel)];
  SY_CHECK(pending && pending->arrival.from == arrival.from && into.size() == arrival.bytes,
           "receive from rank {} on {} without its probe", arrival.from.value(),
           to_string(arrival.channel));
  const Source source = pending->source;
  pending.reset();
  if (source == Source::kInner) return inner_->receive(arrival, into);
  if (source == Source::kStream) return receive_streamed(arrival, into);
  receive_own(arrival.channel, into);
  return {};
}

bool TcpTransport::any_stream() const {
  return desk_ || std::ranges::any_of(peers_, [](const Peer& p) { return !p.streams.empty(); });
}

// Sockets wake a sleeper, the inner transport's bells do not once there are sockets: so naps are
// short at first, as between hosts.
void TcpTransport::wait_a_moment(std::uint32_t idle_rounds) {
  if (!any_stream()) return inner_->wait_a_moment(idle_rounds);
  looks_ = kLooksPerWelcome - 1;  // the next look is for newcomers too
  pump_all();
  if (idle_rounds < kYieldRounds) {
    ::sched_yield();
    return;
  }
  const Reach reach = inner_ != nullptr ? Reach::kSomeSilent : Reach::kAllRing;
  sleep_on_sockets(sleep_length(reach, idle_rounds - kYieldRounds));
}

void TcpTransport::sleep_on_sockets(Duration nap) {
  polled_.clear();
  polled_streams_.clear();
  for (Peer& peer : peers_) {
    for (Stream& stream : peer.streams) {
      // A message that waits to be taken wakes nobody again.
      const int events = (stream.holds() ? 0 : POLLIN) | (stream.unsent() ? POLLOUT : 0);
      if (stream.handle() < 0 || events == 0) continue;
      polled_.push_back({stream.handle(), static_cast<short>(events), 0});
      polled_streams_.push_back(&stream);
    }
  }
  if (desk_) polled_.push_back({desk_->handle(), POLLIN, 0});
  polled_.push_back({waker_.handle(), POLLIN, 0});
  const timespec time{0, static_cast<long>(nap.count())};
  if (::ppoll(polled_.data(), polled_.size(), &time, nullptr) <= 0) return;
  for (std::size_t i = 0; i < polled_streams_.size(); ++i) {
    // Notices the end of a connection on channels that nobody probes.
    if (polled_[i].revents != 0) (void)polled_streams_[i]->waiting();
  }
  if (polled_.back().revents != 0) waker_.clear();
}

// Which of the two this rank sleeps on, only its own thread knows.
void TcpTransport::wake() noexcept {
  waker_.wake();
  if (inner_ != nullptr) inner_->wake();
}

void TcpTransport::set_lost(RankId rank, Lost lost) noexcept {
  lost_[rank.index()].store(lost == Lost::kYes, std::memory_order_relaxed);
  // The inner transport's process of a slot that was taken over later stays lost.
  if (inner_ != nullptr) {
    inner_->set_lost(rank, attached_[rank.index()].load() ? Lost::kYes : lost);
  }
}

std::vector<RankId> TcpTransport::silent_peers() {
  std::vector<RankId> silent;
  for (std::uint32_t r = 0; r < peers_.size(); ++r) {
    if (peers_[r].streams.empty()) continue;
    Stream& stream = peers_[r].streams[kGoodbyes];
    const bool heard = stream.waiting() || stream.broken();
    if (!heard || stream.unsent()) silent.emplace_back(r);
  }
  return silent;
}

Result<void> TcpTransport::finalize(Deadline deadline) {
  for (std::uint32_t r = 0; r < peers_.size(); ++r) {
    if (peers_[r].streams.empty()) continue;
    const auto ticket = tickets_.take();
    if (!ticket) return too_many_sends(RankId(r), limits_);
    (void)post(RankId(r), kGoodbyes, *ticket, {});
  }
  const SteadyClock clock;
  for (std::uint32_t round = 0;; ++round) {
    const auto silent = silent_peers();
    if (silent.empty()) break;
    if (deadline.passed(clock)) {
      return fail(ErrorCode::kDeadline, ErrorScope::kCommunicator,
                  "leaving the world: no goodbye from {}", name_ranks(silent));
    }
    if (any_stream()) wait_a_moment(round);
    (void)probe(Channel::kControl).has_value();  // newcomers
  }
  return inner_ != nullptr ? inner_->finalize(deadline) : Result<void>{};
}

}  // namespace switchyard::comm::tcp
