// A message that was lost between two ranks that are both well: the router waits for an answer, and
// whom it waits for has nothing to do. A new epoch with the same members makes it ask again
// (DataPlaneOptions::replay_after); it helps or it does not, so it is tried a few times only.
#include <fmt/format.h>

#include <algorithm>

#include "runtime/control/controller/state.h"

namespace switchyard::control {
namespace {

constexpr std::uint32_t kTimesMax = 3;                      // without a step in between
constexpr Duration kHeardLately = std::chrono::seconds(1);  // four heartbeats
// What a router was sent while it is at a part of its own step waits in no queue of its own yet.
constexpr std::uint64_t kLongMs = 1000;

}  // namespace

// It says so itself, and lately.
bool Controller::State::idle(RankId rank) const {
  if (!member(rank)) return false;
  const Slot& slot = members.at(rank);
  return slot.phi && slot.phi->silence(now) <= kHeardLately && slot.heartbeat.open_jobs == 0 &&
         slot.heartbeat.computing_ms < kLongMs;
}

std::optional<Proposal> Controller::State::propose_asking_again() {
  for (const auto& each : view->members) {
    if (!each.router) continue;
    const Duration stalled = members.at(each.rank).progress.stalled(now);
    if (stalled < now - whole_since) asked_again.erase(each.rank);  // a step under this view
    if (std::min(stalled, now - whole_since) < options.ask_again_after) continue;
    const auto awaited = evidence.waits_for(each.rank, now);
    if (!awaited || !idle(*awaited) || asked_again[each.rank] >= kTimesMax) continue;
    ++asked_again[each.rank];
    return Proposal{Roles::of(*view), CopyTable::of(view->placement),
                    fmt::format("rank {} asks again: no answer for {:.1f} s from rank {}, which "
                                "has nothing to do",
                                each.rank.value(), to_seconds(stalled), awaited->value())};
  }
  return std::nullopt;
}

}  // namespace switchyard::control
