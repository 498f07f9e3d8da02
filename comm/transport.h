// comm/transport.h -- moves messages between the ranks of one world. Knows no tokens, no experts.
// Non-blocking point-to-point only: no collective on the serving path, so that a dead peer never
// blocks the living. Messages between two ranks on one channel arrive in the order of sending.
// Thread: one thread per transport (the rank's engine thread), except set_lost() and wake().
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/base/clock.h"
#include "runtime/base/device_queue.h"
#include "runtime/base/error.h"
#include "runtime/base/ids.h"
#include "runtime/base/view.h"

namespace switchyard::comm {

// Independent ordered streams between each pair of ranks.
enum class Channel : std::uint8_t {
  kControl,   // start-up, results, goodbyes: small and rare
  kDispatch,  // router -> expert rank: rows
  kCombine,   // expert rank -> router: answers
};
inline constexpr std::size_t kChannelCount = 3;

// A message that has arrived and waits to be received.
struct Arrival {
  RankId from;
  Channel channel = Channel::kControl;
  std::size_t bytes = 0;      // of the message, or of its head where the rows come apart
  std::size_t row_bytes = 0;  // of the rows that come apart
};

// Where a transport takes the rows of a message: behind its head, so that head and rows are one
// message in host memory, or apart, in device memory.
enum class RowPlace : std::uint8_t { kBehindHead, kApart };

// Names a posted send. Tickets are small and reused after completion.
struct SendTicket {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
};

struct TransportLimits {
  std::size_t message_bytes_max = std::size_t{1} << 30;  // larger sends are refused (kLimit)
  std::size_t sends_in_flight_max = 4096;                // more are refused (kLimit)
  Duration receive_wait_max =
      std::chrono::seconds(30);  // for a sender that stops half-way; then it is kPeer
  // The same for one that is lost: it may be back, which we have not heard yet.
  Duration lost_wait_max = std::chrono::milliseconds(250);
};

class Transport {
 public:
  virtual ~Transport() = default;  // local: never collective, never blocking

  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  [[nodiscard]] virtual RankId rank() const noexcept = 0;
  [[nodiscard]] virtual std::size_t size() const noexcept = 0;
  // The name of the host of each rank; ranks with equal names share memory. [size]
  [[nodiscard]] virtual std::span<const std::string> hosts() const noexcept = 0;

  // Posts one message. `bytes` stays alive and unchanged until send_done() says so.
  // Collective: no. Blocks: no. Errors: kLimit, kPeer (scope kPeer) naming the peer.
  [[nodiscard]] virtual Result<SendTicket> send(RankId to, Channel channel, Bytes bytes) = 0;
  // True once the bytes may be reused. A ticket is forgotten after it answered true.
  // Collective: no. Blocks: no.
  [[nodiscard]] virtual Result<bool> send_done(SendTicket ticket) = 0;

  // The oldest arrival on a channel from anyone, if any; it stays until received. Also makes
  // progress. After probe() returned an arrival, the next receive() on that channel takes exactly
  // that one. Collective: no. Blocks: no.
  [[nodiscard]] virtual Result<std::optional<Arrival>> probe(Channel channel) = 0;
  // Takes the probed arrival into `into` (exactly arrival.bytes long). Blocks only for the copy of
  // a message whose sender has already posted it; where that stops half-way (its process died) the
  // error is kPeer with scope kPeer, and `into` may still be written to until receive_over() says
  // that it is not.
  [[nodiscard]] virtual Result<void> receive(const Arrival& arrival, MutableBytes into) = 0;
  // Whether nothing writes any more to the memory, named by its first byte, into which a receive()
  // failed. Over MPI: once a sender that had only stopped has sent the rest; where it was killed in
  // between, never. Elsewhere at once. Forgotten after it answered true. Collective: no. Blocks:
  // no.
  [[nodiscard]] virtual bool receive_over(const std::byte* /*into*/) { return true; }

  // A message in two parts: a head in host memory and rows. Where row_place() is kBehindHead the
  // rows follow the head in memory, and the two travel as one message of send() and receive();
  // where it is kApart they lie in device memory, and the arrival tells both lengths; no op writes
  // to them any more, unless follow() says how long one may. Either part may be empty. Otherwise as
  // send() and receive().
  [[nodiscard]] virtual RowPlace row_place() const noexcept { return RowPlace::kBehindHead; }
  [[nodiscard]] virtual Result<SendTicket> send_rows(RankId to, Channel channel, Bytes head,
                                                     Bytes rows);
  [[nodiscard]] virtual Result<void> receive_rows(const Arrival& arrival, MutableBytes head,
                                                  MutableBytes rows);
  // Gets on with what is on its way, as probe() does, and shows nothing: for who has sent and will
  // not look at once, and for who waits for a device. Rows of send_rows() leave now, in one go.
  // Transports that need no looks for that ignore it. Collective: no. Blocks: no.
  [[nodiscard]] virtual Result<void> progress() { return {}; }
  // Before the first rows move: the most bytes of rows that are on their way to this rank at a
  // time. Transports that need no memory of their own for them ignore it. Collective: no. Blocks:
  // no. Errors: kLimit.
  [[nodiscard]] virtual Result<void> reserve_rows(std::size_t /*bytes*/) { return {}; }

  // Where rows come apart: from now on their order is that of this queue. Rows that send_rows()
  // takes may still be written by what is in the queue already; rows that receive_rows() took are
  // there for what is put into it later, and for the host once it has waited for that. Transports
  // that cannot ignore it. Collective: no. Blocks: no.
  virtual void follow(DeviceQueue /*queue*/) {}
  // False: rows are written before they are sent, and there when they are received.
  [[nodiscard]] virtual bool follows_queue() const noexcept { return false; }

  // Device memory from which rows are sent fastest; empty where there is none, which is no error:
  // rows may lie in any device memory. Not cleared. The caller's until it gives it back,
  // before the transport ends. New memory is made before reserve_rows() only. Collective: no.
  // Blocks: no.
  [[nodiscard]] virtual MutableBytes lend_rows(std::size_t /*bytes*/) { return {}; }
  virtual void take_back_rows(MutableBytes /*rows*/) noexcept {}

  // Before memory of the device is freed while rows may be on their way, which may wait for all
  // that the device does: ends what of them waits for another rank. What was sent and has not
  // arrived goes nowhere; what is sent afterwards arrives as ever. Collective: no. Blocks: until
  // the deadline. False: it has not ended, and what frees device memory may never return.
  [[nodiscard]] virtual bool halt_rows(Deadline /*deadline*/) noexcept { return true; }

  // Leaves the world before its time, for an end that the others have not agreed to: as
  // halt_rows(), and takes back what was sent and nobody has taken yet. Transports that cannot take
  // back (MPI, TCP) leave that to the end of the process. Then only set_lost(), wake(),
  // take_back_rows() and the destructor may be called. Collective: no. Blocks: until the deadline.
  // False: as halt_rows().
  [[nodiscard]] virtual bool leave_at_once(Deadline deadline) noexcept {
    return halt_rows(deadline);
  }

  // Sleeps or spins for a moment because there was nothing to do; `idle_rounds` is how often in a
  // row the caller has called it: 0 first. Grows from a pause to sleeps of a few milliseconds (law
  // 6) and returns early when this transport can be woken. Collective: no. Blocks: four
  // milliseconds at most.
  virtual void wait_a_moment(std::uint32_t idle_rounds) = 0;
  // Ends this rank's own wait_a_moment(), or else its next sleep, because there is something to do
  // that no message told of. Collective: no. Blocks: no. Thread: any.
  virtual void wake() noexcept = 0;

  // Whether a rank takes part: kNo, it does; kAbsent, not as far as is known here, and it may send
  // as one that has heard more than we have; kYes, it did and is gone. While kYes, a receive of its
  // message that has stopped half-way gives up after lost_wait_max (kPeer with scope kPeer; `into`
  // may still be written to) instead of receive_wait_max. Transports whose messages arrive whole
  // need no such word. Collective: no. Blocks: no. Thread: any.
  enum class Lost : std::uint8_t { kNo, kAbsent, kYes };
  virtual void set_lost(RankId /*rank*/, Lost /*lost*/) noexcept {}

  // A process has come to the slot of a rank that died, or of one that never was, and can be
  // reached at the address that it gave to whoever started it; from now on the rank is that
  // process. What is sent before the two are connected waits. Where it cannot be reached, messages
  // go nowhere, as those to a dead rank. Worlds that nobody can come to later ignore it. Where
  // the address is known, connections that broke are made again. Collective: no. Blocks: no.
  virtual void attach(RankId /*rank*/, std::string_view /*address*/) {}

  // Leaves the world in order: every rank calls it once, with no message in flight.
  // Collective: yes. Blocks: until deadline. Errors: kDeadline naming the silent ranks.
  [[nodiscard]] virtual Result<void> finalize(Deadline deadline) = 0;
};

}  // namespace switchyard::comm
