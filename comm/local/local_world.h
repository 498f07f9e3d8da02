// comm/local/local_world.h -- what the ranks of one process share: a station for each.
// Not a transport: local_transport.h drives it. A message is never copied into the world: the
// sender posts an envelope that points to its bytes, the receiver copies from there and marks it
// taken. Thread safety: shared objects: safe; the functions say which rank's thread calls them.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "comm/doorbell.h"
#include "comm/transport.h"

namespace switchyard::comm::local {

enum class Delivery : std::uint8_t {
  kPosted,   // waits in the receiver's queue
  kCopying,  // the receiver reads the sender's bytes
  kTaken,    // the bytes are the sender's again
  kRefused,  // the receiver left the world without taking it
};

// A message under way. Lives in the sender's station; the queue it waits in links it by `next`, so
// that sending allocates nothing.
struct Envelope {
  RankId from;
  RankId to;
  Channel channel = Channel::kControl;
  Bytes bytes;
  Envelope* next = nullptr;
  std::atomic<Delivery> delivery{Delivery::kTaken};
};

// First in, first out; guarded by the mutex of its station.
class EnvelopeQueue {
 public:
  [[nodiscard]] Envelope* front() const noexcept { return first_; }
  void push(Envelope& envelope) noexcept;
  void pop() noexcept;
  void remove(const Envelope& envelope) noexcept;

 private:
  Envelope* first_ = nullptr;
  Envelope* last_ = nullptr;
};

enum class Presence : std::uint8_t {
  kHere,
  kLeft,
  kGone
};  // left: in order; gone: without finalize

class LocalWorld {
 public:
  LocalWorld(std::size_t ranks, const TransportLimits& limits);

  [[nodiscard]] std::size_t size() const noexcept { return stations_.size(); }
  [[nodiscard]] std::span<const std::string> hosts() const noexcept { return hosts_; }
  [[nodiscard]] Doorbell& bell(RankId rank) noexcept { return stations_[rank.index()]->bell; }
  [[nodiscard]] Envelope& envelope(RankId rank, std::uint32_t slot) noexcept {
    return stations_[rank.index()]->envelopes[slot];
  }

  // Puts an envelope of its sender's station into the receiver's queue. Errors: kPeer if that rank
  // is gone.
  [[nodiscard]] Result<void> post(Envelope& envelope);
  // The oldest envelope in a rank's queue. Its sender may still withdraw it.
  [[nodiscard]] std::optional<Arrival> oldest(RankId rank, Channel channel);
  // Copies the oldest envelope to `into` and gives the sender its bytes back.
  [[nodiscard]] Result<void> take(RankId rank, const Arrival& arrival, MutableBytes into);

  // Says that the rank will send nothing more and rings everybody.
  void leave(RankId rank, Presence how);
  [[nodiscard]] Presence presence(RankId rank) const noexcept {
    return stations_[rank.index()]->presence.load();
  }
  // Takes back what the rank has posted and refuses what others have posted to it. On return nobody
  // reads the rank's bytes any more. Blocks: for one copy at most.
  void clear(RankId rank);

 private:
  struct Station {
    explicit Station(std::size_t slots) : envelopes(slots) {}
    Doorbell bell;
    std::atomic<Presence> presence{Presence::kHere};
    std::mutex mutex;
    std::array<EnvelopeQueue, kChannelCount> queues;  // guarded by mutex
    std::vector<Envelope> envelopes;                  // of this rank's sends, by ticket slot
  };

  std::vector<std::unique_ptr<Station>> stations_;
  std::vector<std::string> hosts_;
};

}  // namespace switchyard::comm::local
