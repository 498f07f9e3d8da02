#include "comm/local/local_world.h"

#include <unistd.h>

#include <cstring>
#include <thread>

#include "comm/send_rules.h"
#include "runtime/base/check.h"

namespace switchyard::comm::local {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

}  // namespace

void EnvelopeQueue::push(Envelope& envelope) noexcept {
  envelope.next = nullptr;
  (first_ == nullptr ? first_ : last_->next) = &envelope;
  last_ = &envelope;
}

void EnvelopeQueue::pop() noexcept {
  first_ = first_->next;
  if (first_ == nullptr) last_ = nullptr;
}

void EnvelopeQueue::remove(const Envelope& envelope) noexcept {
  Envelope* before = nullptr;
  for (Envelope* at = first_; at != nullptr; before = at, at = at->next) {
    if (at != &envelope) continue;
    (before == nullptr ? first_ : before->next) = at->next;
    if (last_ == at) last_ = before;
    return;
  }
}

LocalWorld::LocalWorld(std::size_t ranks, const TransportLimits& limits)
    : hosts_(ranks, host_name()) {
  SY_CHECK(ranks >= 1, "a world of {} ranks", ranks);
  stations_.reserve(ranks);
  for (std::size_t r = 0; r < ranks; ++r) {
    stations_.push_back(std::make_unique<Station>(limits.sends_in_flight_max));
  }
}

Result<void> LocalWorld::post(Envelope& envelope) {
  Station& receiver = *stations_[envelope.to.index()];
  {
    const std::lock_guard lock(receiver.mutex);
    // Looked at under the lock: clear() of the receiver comes before (refused here) or after
    // (refused there), never in between.
    if (receiver.presence.load() != Presence::kHere) {
      return fail(ErrorCode::kPeer, ErrorScope::kPeer, "send to rank {}: it has left the world",
                  envelope.to.value());
    }
    envelope.delivery.store(Delivery::kPosted, std::memory_order_relaxed);
    receiver.queues[static_cast<std::size_t>(envelope.channel)].push(envelope);
  }
  receiver.bell.ring();
  return {};
}

std::optional<Arrival> LocalWorld::oldest(RankId rank, Channel channel) {
  Station& own = *stations_[rank.index()];
  const std::lock_guard lock(own.mutex);
  const Envelope* front = own.queues[static_cast<std::size_t>(channel)].front();
  if (front == nullptr) return std::nullopt;
  return Arrival{front->from, channel, front->bytes.size()};
}

Result<void> LocalWorld::take(RankId rank, const Arrival& arrival, MutableBytes into) {
  Station& own = *stations_[rank.index()];
  Envelope* envelope = nullptr;
  {
    const std::lock_guard lock(own.mutex);
    EnvelopeQueue& queue = own.queues[static_cast<std::size_t>(arrival.channel)];
    envelope = queue.front();
    if (envelope == nullptr || envelope->from != arrival.from ||
        envelope->bytes.size() != arrival.bytes) {
      return fail(ErrorCode::kPeer, ErrorScope::kPeer,
                  "receive from rank {} on {}: it took the message back and left the world",
                  arrival.from.value(), to_string(arrival.channel));
    }
    queue.pop();
    envelope->delivery.store(Delivery::kCopying);
  }
  if (!into.empty()) std::memcpy(into.data(), envelope->bytes.data(), into.size());
  // After this store the envelope is its sender's again and may be posted anew.
  envelope->delivery.store(Delivery::kTaken, std::memory_order_release);
  stations_[arrival.from.index()]->bell.ring();
  return {};
}

void LocalWorld::leave(RankId rank, Presence how) {
  Station& own = *stations_[rank.index()];
  {
    const std::lock_guard lock(own.mutex);
    own.presence.store(how);
  }
  for (const auto& station : stations_) station->bell.ring();
}

void LocalWorld::clear(RankId rank) {
  Station& own = *stations_[rank.index()];
  for (Envelope& envelope : own.envelopes) {
    if (envelope.delivery.load(std::memory_order_acquire) == Delivery::kTaken) continue;
    Station& receiver = *stations_[envelope.to.index()];
    {
      const std::lock_guard lock(receiver.mutex);
      if (envelope.delivery.load() == Delivery::kPosted) {
        receiver.queues[static_cast<std::size_t>(envelope.channel)].remove(envelope);
        envelope.delivery.store(Delivery::kTaken);
      }
    }
    while (envelope.delivery.load(std::memory_order_acquire) == Delivery::kCopying) {
      std::this_thread::yield();
    }
  }
  const std::lock_guard lock(own.mutex);
  for (EnvelopeQueue& queue : own.queues) {
    while (Envelope* front = queue.front()) {
      queue.pop();  // before the store: the sender may post it again at once
      const RankId sender = front->from;
      front->delivery.store(Delivery::kRefused, std::memory_order_release);
      stations_[sender.index()]->bell.ring();
    }
  }
}

}  // namespace switchyard::comm::local
