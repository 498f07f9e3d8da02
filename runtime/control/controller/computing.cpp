// Ranks at a long batch: their engine says nothing until it is over, and who waits for it gets no
// step done. Their heartbeats say that they compute; what they say is believed for a while
// (HealthConfig::compute_max), so that a batch of many rows is not taken for a death and an engine
// that hangs in one is found all the same.
#include <algorithm>

#include "runtime/control/controller/state.h"

namespace switchyard::control {

// Forgives what it has computed since the heartbeat before, and no more: when the batch is over,
// its report and the next step have as long to come as ever.
void Controller::State::note_computing(RankId rank, const Heartbeat& beat) {
  Slot& slot = members.at(rank);
  const Duration since = now - std::exchange(slot.beat_at, now);
  const auto since_ms = std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
  const auto spent_ms =
      std::min(beat.computing_ms, static_cast<std::uint64_t>(std::max<std::int64_t>(since_ms, 0)));
  if (spent_ms == 0) return;
  const Duration spent = std::chrono::milliseconds(spent_ms);
  const Duration most = options.health.compute_max;
  slot.computed = std::min(slot.computed + spent, most);
  slot.progress.forgive(spent, most);
  if (!view) return;
  for (const auto& each : view->members) {
    if (each.router && each.rank != rank && evidence.waits_for(each.rank, now) == rank) {
      members.at(each.rank).progress.forgive(spent, most);
    }
  }
}

}  // namespace switchyard::control
