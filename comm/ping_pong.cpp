#include "comm/ping_pong.h"

#include "comm/round_trips.h"
#include "runtime/base/buffer.h"

namespace switchyard::comm {
namespace {

constexpr Channel kChannel = Channel::kDispatch;

// One side of the game: the transport, its buffer and the peer.
struct Player {
  Transport& transport;
  MutableBytes bytes;
  RankId peer;
  Deadline deadline;
  SteadyClock clock;

  Result<void> wait(std::uint32_t round) {
    if (deadline.passed(clock)) {
      return fail(ErrorCode::kDeadline, ErrorScope::kPeer, "ping-pong: no answer from rank {}",
                  peer.value());
    }
    transport.wait_a_moment(round);
    return {};
  }

  Result<void> send() {
    SY_ASSIGN(const SendTicket ticket, transport.send(peer, kChannel, bytes));
    for (std::uint32_t round = 0;; ++round) {
      SY_ASSIGN(const bool done, transport.send_done(ticket));
      if (done) return {};
      SY_TRY(wait(round));
    }
  }

  Result<void> receive() {
    for (std::uint32_t round = 0;; ++round) {
      SY_ASSIGN(const std::optional<Arrival> arrival, transport.probe(kChannel));
      if (!arrival) {
        SY_TRY(wait(round));
        continue;
      }
      if (arrival->from != peer || arrival->bytes != bytes.size()) {
        return fail(ErrorCode::kPeer, ErrorScope::kPeer,
                    "ping-pong: rank {} sent {} bytes in between", arrival->from.value(),
                    arrival->bytes);
      }
      return transport.receive(*arrival, bytes);
    }
  }
};

}  // namespace

Result<PingPong> ping_pong(Transport& transport, const PingPongOptions& options,
                           Deadline deadline) {
  SY_TRY(check_ping_pong(options, transport.rank(), transport.size()));
  HostBuffer buffer(options.bytes);
  const bool opens = transport.rank().value() == 0;
  Player player{transport, buffer.span(), RankId(opens ? 1 : 0), deadline, {}};
  return measure_round_trips(options, [&]() -> Result<void> {
    if (opens) {
      SY_TRY(player.send());
      return player.receive();
    }
    SY_TRY(player.receive());
    return player.send();
  });
}

}  // namespace switchyard::comm
