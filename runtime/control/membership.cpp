#include "runtime/control/membership.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace switchyard::control {

Result<Membership::Entry> Membership::judge(const Register& asks) const {
  if (!has(asks.rank)) {
    return fail(ErrorCode::kBadInput, "rank {} of a cluster of {} slots", asks.rank.value(),
                size());
  }
  const Slot& slot = at(asks.rank);
  const bool fresh = asks.incarnation == Incarnation();
  if (!fresh && (!slot.alive() || asks.incarnation != slot.incarnation)) {
    return fail(ErrorCode::kStaleEpoch,
                "fenced: life {} of rank {} is over; a process may register as new",
                asks.incarnation.value(), asks.rank.value());
  }
  if (!fresh) return Entry::kResumed;
  if (slot.state == SlotState::kLive) {
    return fail(ErrorCode::kPeer, "slot {} is taken by pid {} on {}", asks.rank.value(), slot.pid,
                slot.host);
  }
  // The others reach the slot over TCP since a later process took it; MPI would lead nowhere.
  if (asks.address.empty() && !slot.address.empty()) {
    return fail(ErrorCode::kStaleEpoch,
                "fenced: a later process has taken slot {} over, and one without an address cannot "
                "be reached there any more",
                asks.rank.value());
  }
  return slot.state == SlotState::kLost ? Entry::kReplacing : Entry::kNewLife;
}

void Membership::fill(Slot& slot, const Register& asks, ConnectionId connection, TimePoint now) {
  slot.state = SlotState::kLive;
  slot.connection = connection;
  slot.kind = asks.kind;
  slot.pid = asks.pid;
  slot.host = asks.host;
  slot.region = asks.region;
  slot.zone = asks.zone;
  slot.address = asks.address;
  slot.epoch = std::max(slot.epoch, asks.epoch);
  slot.since = now;
  auto phi = PhiAccrual::create(phi_);
  SY_CHECK(phi.has_value(), "{}", phi.error().message);
  slot.phi = std::move(phi).value();
  slot.phi->heartbeat(now);
  slot.progress = ProgressWatch();
  slot.load_at.reset();
  slot.computed = Duration::zero();
  slot.beat_at = now;
}

Incarnation Membership::seat(const Register& asks, ConnectionId connection, TimePoint now) {
  Slot& slot = at(asks.rank);
  const Incarnation life = slot.incarnation.next();
  slot = Slot();
  slot.incarnation = life;
  slot.phase_since = now;
  fill(slot, asks, connection, now);
  return life;
}

void Membership::restore(const Register& life, SlotState state, bool cordoned, TimePoint now) {
  Slot& slot = at(life.rank);
  slot = Slot();
  slot.incarnation = life.incarnation;
  if (state == SlotState::kEmpty) return;
  slot.cordoned = cordoned;
  slot.phase_since = now;
  fill(slot, life, {}, now);
  if (!(state == SlotState::kLive || state == SlotState::kLost)) end(life.rank, state, now);
}

Register Membership::life_of(RankId rank) const {
  const Slot& slot = at(rank);
  Register life;
  life.rank = rank;
  life.kind = slot.kind;
  life.incarnation = slot.incarnation;
  life.pid = slot.pid;
  life.host = slot.host;
  life.region = slot.region;
  life.zone = slot.zone;
  life.address = slot.address;
  return life;
}

void Membership::resume(const Register& asks, ConnectionId connection, TimePoint now) {
  fill(at(asks.rank), asks, connection, now);
}

void Membership::lose(RankId rank, TimePoint until, TimePoint now) {
  Slot& slot = at(rank);
  SY_CHECK(slot.alive(), "rank {} is not there", rank.value());
  slot.state = SlotState::kLost;
  slot.connection = {};
  slot.since = now;
  slot.lost_until = until;
}

void Membership::end(RankId rank, SlotState how, TimePoint now) {
  Slot& slot = at(rank);
  slot.state = how;
  slot.connection = {};
  slot.since = now;
  slot.cordoned = false;
}

void Membership::failed_to_prepare(RankId rank, Duration rest, TimePoint now) {
  constexpr std::uint32_t kDoublingsMax = 5;
  Slot& slot = at(rank);
  slot.unfit_until = now + rest * (1 << std::min(slot.failed_prepares, kDoublingsMax));
  slot.failed_at = now;
  ++slot.failed_prepares;
}

void Membership::heartbeat(RankId rank, const Heartbeat& beat, std::size_t assigned,
                           TimePoint now) {
  Slot& slot = at(rank);
  if (slot.phase != beat.phase) {
    slot.phase = beat.phase;
    slot.phase_since = now;
  }
  slot.epoch = std::max(slot.epoch, beat.epoch);
  slot.heartbeat = beat;
  slot.phi->heartbeat(now);
  // An engine that hangs with idle hands never says that it has been given work.
  const std::uint64_t requests = std::max<std::uint64_t>(beat.open_requests, assigned);
  slot.progress.observe({beat.steps, requests + beat.open_jobs}, now);
}

void Membership::heard(RankId rank, TimePoint now) {
  if (auto& phi = at(rank).phi) phi->sign_of_life(now);
}

void Membership::excuse(Duration pause) {
  for (Slot& slot : slots_) {
    if (slot.phi) slot.phi->excuse(pause);
    slot.progress.excuse(pause);
    if (slot.state == SlotState::kLost) slot.lost_until += pause;
  }
}

Slot& Membership::at(RankId rank) {
  SY_CHECK(has(rank), "rank {} of {}", rank.value(), size());
  return slots_[rank.index()];
}

const Slot& Membership::at(RankId rank) const {
  SY_CHECK(has(rank), "rank {} of {}", rank.value(), size());
  return slots_[rank.index()];
}

bool Membership::lives(RankId rank, Incarnation incarnation) const {
  return has(rank) && at(rank).alive() && at(rank).incarnation == incarnation;
}

std::string_view to_string(SlotState state) noexcept {
  switch (state) {
    case SlotState::kEmpty: return "empty";
    case SlotState::kLive: return "live";
    case SlotState::kLost: return "lost";
    case SlotState::kDead: return "dead";
    case SlotState::kLeft: return "left";
  }
  return "unknown";
}

std::string_view to_string(RankKind kind) noexcept {
  switch (kind) {
    case RankKind::kRouter: return "router";
    case RankKind::kExpert: return "expert";
    case RankKind::kBoth: return "both";
    case RankKind::kSpare: return "spare";
  }
  return "unknown";
}

}  // namespace switchyard::control
