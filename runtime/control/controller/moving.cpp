// Requests that their router has not begun, moved to another: off one that is to leave, which else
// had to work through all that was ever given to it, and to one that has nothing to do, because it
// has come later or was faster. A router says how many it runs; of the others it has those that it
// was given last. What has a token of this attempt stays. It is no failure of the request, and what
// the old router still says of it is dropped, as after every release: it is of an older attempt.
#include <fmt/format.h>

#include <algorithm>

#include "runtime/control/controller/state.h"
#include "runtime/control/event_about.h"

namespace switchyard::control {
namespace {

// By its last heartbeat; nothing is known before the first of this connection.
// What it has been given since then is not counted: it may run already.
std::size_t queued_at(const Slot& slot, std::size_t open) {
  if (slot.state != SlotState::kLive || slot.beat_at <= slot.since) return 0;
  const std::size_t running = slot.heartbeat.running_requests;
  const std::size_t told = slot.heartbeat.open_requests;
  return std::min(open, told) - std::min({open, told, running});
}

}  // namespace

// The newest of them, as far as others may have them and have room.
std::size_t Controller::State::take_back(RankId router, std::size_t count, const char* why) {
  const Slot& slot = members.at(router);
  std::size_t taken = 0;
  for (const RequestId id : ledger.unbegun({router, slot.incarnation}, count)) {
    const auto other = choose_router(ledger.at(id));
    if (!other || *other == router) continue;
    ledger.release(id, now);
    outbox.journal(router, Event{id.value(), std::string(kRequestTakenBack), {}});
    send(router, Cancel{id, CancelHow::kForget});
    ++taken;
  }
  if (taken == 0) return 0;
  request_left(router);
  outbox.event(
      "requests_moved",
      fmt::format("{} requests of rank {} that it has not begun: {}", taken, router.value(), why),
      about_rank(router));
  return taken;
}

// Of one router in one tick. Not with every event: where others may not have them, it looks in
// vain.
bool Controller::State::move_unbegun() {
  if (last_tick != now) return false;
  if (phase != RunPhase::kRunning || ending_now || !view) return false;
  std::size_t idle = 0;
  std::size_t most = 0;  // queued
  RankId from;
  for (const auto& each : view->members) {
    if (!each.router || !member(each.rank)) continue;
    const Slot& slot = members.at(each.rank);
    const std::size_t open = ledger.open_count(each.rank);
    const std::size_t queued = queued_at(slot, open);
    if (slot.cordoned && queued > 0 && take_back(each.rank, queued, "it is to leave") > 0) {
      return true;
    }
    if (open == 0 && usable(each.rank)) ++idle;
    if (queued > most) {
      most = queued;
      from = each.rank;
    }
  }
  if (idle == 0 || most == 0) return false;
  // Its share of them stays.
  return take_back(from, most - most / (idle + 1), "another router has nothing to do") > 0;
}

}  // namespace switchyard::control
