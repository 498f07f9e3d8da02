// Ranks may follow a view that the journal of a controller which has come back does not know: the
// disk was full, say, and the end of the journal is lost. Two views of one number would be two
// meanings of it, so none is made before the ranks have been heard; then the next one's number is
// above all that they tell of, it is made at once, and all that hold experts prepare for it, since
// what they hold is no longer what the last known view says. Until it is committed they go on as
// they are.
#include <fmt/format.h>

#include <algorithm>

#include "runtime/control/controller/state.h"
#include "runtime/control/event_about.h"

namespace switchyard::control {
namespace {

// More views than this are not lost: whoever tells of one is wrong.
constexpr std::uint32_t kLostMost = 100'000;

}  // namespace

bool Controller::State::may_have_been_made(Epoch epoch) const {
  if (epoch <= last_epoch) return true;
  return rejoin.restored && epoch.value() - last_epoch.value() <= kLostMost;
}

// From a message whose epoch may have been made.
void Controller::State::hear_of(RankId rank, Epoch epoch) {
  if (epoch <= last_epoch) return;
  outbox.journal(rank, Event{epoch.value(), std::string(kEpochHeardOf), {}});
  outbox.event("epoch_unknown",
               fmt::format("rank {} knows of epoch {}, the journal of none above {}", rank.value(),
                           epoch.value(), last_epoch.value()),
               about_rank(rank));
  last_epoch = epoch;
  unsettled = true;
}

bool Controller::State::follows_unknown(RankId rank) const {
  const Slot& slot = members.at(rank);
  return slot.alive() && slot.epoch > (view ? view->epoch : Epoch());
}

bool Controller::State::unknown_followed() const {
  for (std::uint32_t r = 0; r < members.size(); ++r) {
    if (follows_unknown(RankId(r))) return true;
  }
  return false;
}

// Nobody follows the epoch: what was loaded for it may go.
bool Controller::State::undone(Epoch epoch) const {
  for (std::uint32_t r = 0; r < members.size(); ++r) {
    const Slot& slot = members.at(RankId(r));
    if (slot.alive() && slot.epoch == epoch) return false;
  }
  return true;
}

// Ends when every life that went on is back or over. What had been prepared and not committed is
// undone then, and not as each rank comes: the next may tell that it was committed.
bool Controller::State::rejoining() {
  if (!rejoin.under_way) return false;
  if (now < rejoin.until && lost_any()) return true;
  rejoin.under_way = false;
  if (last_epoch > (view ? view->epoch : Epoch()) && undone(last_epoch)) {
    for (std::uint32_t r = 0; r < members.size(); ++r) {
      if (members.at(RankId(r)).state != SlotState::kLive) continue;
      send(RankId(r), Rollback{last_epoch, "was not committed"});
    }
  }
  return false;
}

// All that hold experts have to prepare then: who cannot is left out, as if it had died.
std::set<RankId> Controller::State::unable_members() const {
  std::set<RankId> out;
  for (const auto& member : view->members) {
    if (member.expert && !fit(member.rank)) out.insert(member.rank);
  }
  return out;
}

// The last known view under a number above those that are not known.
Proposal Controller::State::propose_known_again() const {
  Proposal next{Roles::of(*view), CopyTable::of(view->placement),
                "ranks follow a view that the journal does not know", Occasion::kRecovery};
  if (next.table.lost() > 0) next.gaps = placement::Gaps::kMasked;
  return next;
}

}  // namespace switchyard::control
