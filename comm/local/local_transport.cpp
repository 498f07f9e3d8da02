#include "comm/local/local_transport.h"

#include <sched.h>

#include <algorithm>
#include <thread>

#include "comm/send_rules.h"
#include "comm/worlds.h"
#include "runtime/base/check.h"

namespace switchyard::comm {
namespace local {
namespace {

CoreShare core_share(std::size_t ranks) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (::sched_getaffinity(0, sizeof cores, &cores) != 0) return CoreShare::kSharedCore;
  return ranks <= static_cast<std::size_t>(CPU_COUNT(&cores)) ? CoreShare::kOwnCore
                                                              : CoreShare::kSharedCore;
}

}  // namespace

LocalTransport::LocalTransport(std::shared_ptr<LocalWorld> world, RankId rank,
                               const TransportLimits& limits)
    : world_(std::move(world)),
      rank_(rank),
      limits_(limits),
      tickets_(limits.sends_in_flight_max),
      idle_(core_share(world_->size()), Reach::kAllRing) {}

LocalTransport::~LocalTransport() { leave(); }

void LocalTransport::leave() noexcept {
  if (world_->presence(rank_) == Presence::kHere) world_->leave(rank_, Presence::kGone);
  world_->clear(rank_);
}

bool LocalTransport::leave_at_once(Deadline /*deadline*/) noexcept {
  leave();
  return true;
}

Result<SendTicket> LocalTransport::send(RankId to, Channel channel, Bytes bytes) {
  SY_TRY(check_send({.to = to, .bytes = bytes.size(), .world_size = size()}, limits_));
  const auto ticket = tickets_.take();
  if (!ticket) return too_many_sends(to, limits_);
  Envelope& envelope = world_->envelope(rank_, ticket->slot);
  envelope.from = rank_;
  envelope.to = to;
  envelope.channel = channel;
  envelope.bytes = bytes;
  if (auto posted = world_->post(envelope); !posted) {
    tickets_.give_back(*ticket);
    return Unexpected(std::move(posted).error());
  }
  return *ticket;
}

Result<bool> LocalTransport::send_done(SendTicket ticket) {
  tickets_.check(ticket);
  Envelope& envelope = world_->envelope(rank_, ticket.slot);
  const Delivery delivery = envelope.delivery.load(std::memory_order_acquire);
  if (delivery == Delivery::kPosted || delivery == Delivery::kCopying) return false;
  tickets_.give_back(ticket);
  if (delivery == Delivery::kTaken) return true;
  envelope.delivery.store(Delivery::kTaken, std::memory_order_relaxed);
  return fail(ErrorCode::kPeer, ErrorScope::kPeer,
              "send to rank {} on {}: it left the world without taking the message",
              envelope.to.value(), to_string(envelope.channel));
}

Result<std::optional<Arrival>> LocalTransport::probe(Channel channel) {
  return world_->oldest(rank_, channel);
}

Result<void> LocalTransport::receive(const Arrival& arrival, MutableBytes into) {
  SY_CHECK(into.size() == arrival.bytes, "room for {} of {} bytes", into.size(), arrival.bytes);
  return world_->take(rank_, arrival, into);
}

void LocalTransport::wait_a_moment(std::uint32_t idle_rounds) {
  idle_.wait(world_->bell(rank_), idle_rounds);
}

Result<void> LocalTransport::finalize(Deadline deadline) {
  world_->leave(rank_, Presence::kLeft);
  const SteadyClock clock;
  std::vector<RankId> silent;
  for (std::uint32_t round = 0;; ++round) {
    silent.clear();
    for (std::uint32_t r = 0; r < size(); ++r) {
      const Presence presence = world_->presence(RankId(r));
      if (presence == Presence::kHere) silent.emplace_back(r);
      if (presence == Presence::kGone) {
        return fail(ErrorCode::kPeer, ErrorScope::kPeer,
                    "leaving the world: rank {} went without a goodbye", r);
      }
    }
    if (silent.empty()) return {};
    if (deadline.passed(clock)) break;
    wait_a_moment(round);
  }
  return fail(ErrorCode::kDeadline, ErrorScope::kCommunicator,
              "leaving the world: no goodbye from {}", name_ranks(silent));
}

}  // namespace local

std::vector<std::unique_ptr<Transport>> make_local_world(std::size_t ranks,
                                                         const TransportLimits& limits) {
  auto world = std::make_shared<local::LocalWorld>(ranks, limits);
  std::vector<std::unique_ptr<Transport>> transports;
  transports.reserve(ranks);
  for (std::uint32_t r = 0; r < ranks; ++r) {
    transports.push_back(std::make_unique<local::LocalTransport>(world, RankId(r), limits));
  }
  return transports;
}

}  // namespace switchyard::comm
