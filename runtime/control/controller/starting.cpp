// Before the first view: who is waited for, who begins with which role, and what was meant to be
// there.
#include "runtime/control/controller/state.h"

namespace switchyard::control {

// Nobody is waited for in the slot: its rank is there, or it is known dead and no process is on its
// way to it.
bool Controller::State::settled_at_start(RankId rank) const {
  const Slot& slot = members.at(rank);
  const bool ended = slot.state == SlotState::kDead || slot.state == SlotState::kLeft;
  return slot.state == SlotState::kLive || (ended && !slot.awaited_until);
}

// Each rank its own role; spares, or processes that were started, take those of the dead.
Roles Controller::State::first_roles() const {
  Roles roles;
  for (std::uint32_t r = 0; r < members.size(); ++r) {
    const RankId rank(r);
    const RankKind kind = members.at(rank).kind;
    if (!usable(rank) || kind == RankKind::kSpare) continue;
    if (can_route(kind)) roles.routers.insert(rank);
    if (can_hold(kind)) roles.experts.insert(rank);
  }
  fill_roles(roles);
  return roles;
}

std::optional<Proposal> Controller::State::propose_first() {
  bool complete = true;
  for (std::uint32_t r = 0; r < members.size(); ++r) {
    complete = complete && settled_at_start(RankId(r));
  }
  if (!complete && now < started + options.start_deadline) return std::nullopt;
  Roles roles = first_roles();
  if (roles.routers.empty() || roles.experts.empty()) return std::nullopt;
  auto table = plan(roles, PlanFrom::kNothing);
  if (!table) {
    outbox.event("plan_failed", table.error().message);
    return std::nullopt;
  }
  return Proposal{std::move(roles), std::move(*table), "start", Occasion::kRecovery};
}

// A rank that comes for the first time was meant to be there from the start, also where it dies
// before the first view or comes after it.
void Controller::State::count_new_life(RankId rank) {
  const Slot& slot = members.at(rank);
  if (slot.incarnation != Incarnation(1) || slot.kind == RankKind::kSpare) return;
  if (can_hold(slot.kind)) ++target_experts;
  if (can_route(slot.kind)) ++target_routers;
  settle_scale();
}

}  // namespace switchyard::control
