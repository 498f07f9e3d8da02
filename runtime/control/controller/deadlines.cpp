// Changes that were asked for have an end: each is done, or taken back when its time is over, with
// the reason as an event. A drain is taken back by giving the rank its work again; a wish for other
// expert ranks or copies by what there is; a rebalance ends with the last view that all follow,
// which is whole. Recoveries are no such changes: they go on for as long as it takes.
#include <fmt/format.h>

#include <algorithm>

#include "runtime/control/controller/state.h"
#include "runtime/control/event_about.h"

namespace switchyard::control {

// A drain is done when the rank is in no view; what is done needs no end.
void Controller::State::settle_changes() {
  if (!view) return;
  std::erase_if(drains, [&](const auto& drain) {
    if (view->find(drain.first) != nullptr) return false;  // dead or not
    outbox.event("drain_done", fmt::format("rank {} is in no view any more", drain.first.value()),
                 about_rank(drain.first));
    return true;
  });
}

// Wherever the view or the target changes, so that a replayed journal sees the same.
void Controller::State::settle_scale() {
  if (view && Roles::of(*view).experts.size() == target_experts) scale_until.reset();
}

Duration Controller::State::scale_time() const {
  for (std::uint32_t r = 0; r < members.size(); ++r) {
    if (!members.at(RankId(r)).awaited_until) continue;
    return std::max(options.change_deadline, options.spawn_deadline);
  }
  return options.change_deadline;
}

void Controller::State::check_changes() {
  if (!view || phase != RunPhase::kRunning) return;
  const auto late = [&](const std::optional<TimePoint>& until) { return until && now >= *until; };
  const auto under_way = drains;
  for (const auto& [rank, until] : under_way) {
    if (late(until)) take_back_drain(rank, fmt::format("after {}", change_time()));
  }
  if (late(scale_until)) take_back_scale();
  if (rebalance_under_way && late(rebalance_under_way->until)) take_back_rebalance();
  if (rebalance_wanted && late(rebalance_wanted_until)) {
    rebalance_wanted = false;
    const std::string why = fmt::format("not begun within {}", change_time());
    outbox.event("rebalance_abandoned", why);
    note_end(MoveState::kAbandoned, why);
  }
  if (replica_change && late(replica_change->until)) {
    take_back_replicas(fmt::format("not done within {}", change_time()));
  }
}

std::string Controller::State::change_time() const {
  return fmt::format("{:.0f} s", to_seconds(options.change_deadline));
}

// Of the view that a planned change prepares, where one is under way.
void Controller::State::stop_planned(const std::string& why) {
  if (transaction && transaction->occasion == Occasion::kPlanned) roll_back(why);
}

void Controller::State::take_back_drain(RankId rank, const std::string& when) {
  std::string why = last_undone.empty() ? "no view without it could be made" : last_undone;
  if (const std::size_t open = ledger.open_count(rank); open > 0) {
    why = fmt::format("{} of its requests are open", open);
  } else if (transaction) {
    why = fmt::format("epoch {} is still being prepared ({})", transaction->view->epoch.value(),
                      transaction->cause);
  }
  outbox.journal(rank, Event{0, std::string(kDrainTakenBack), {}});
  outbox.event("drain_taken_back",
               fmt::format("rank {} goes back to work {}: {}", rank.value(), when, why),
               about_rank(rank));
  give_work_again(rank);
}

// A drain was possible when it was asked for; ranks have died since, or could not load. Where what
// is left would have none of a role, or a rule would be served no more, the rank is needed now.
void Controller::State::take_back_hopeless_drains() {
  if (drains.empty() || lost_any()) return;  // who comes back may do its work
  Roles there = Roles::of(*view);
  for (const RankId rank : dead_members(seats)) {
    there.routers.erase(rank);
    there.experts.erase(rank);
  }
  const auto under_way = drains;
  for (const auto& [rank, until] : under_way) {
    Roles without = there;
    for (const auto& drain : drains) {
      without.routers.erase(drain.first);
      without.experts.erase(drain.first);
    }
    without = to_targets(std::move(without));
    const bool last = (there.routers.contains(rank) && without.routers.empty()) ||
                      (there.experts.contains(rank) && without.experts.empty());
    const auto broken = broken_rule(there, without);
    if (!last && !broken) continue;
    take_back_drain(rank, fmt::format("at once, {}",
                                      broken ? "without it " + *broken : "the last of its role"));
  }
}

void Controller::State::give_work_again(RankId rank) {
  members.at(rank).cordoned = false;
  if (drains.erase(rank) > 0) stop_planned("a drain was taken back");
  send(rank, Undrain{});
  unsettled = true;
}

void Controller::State::end_drain(RankId rank) {
  if (drains.erase(rank) == 0) return;
  outbox.event("drain_done", fmt::format("rank {} has ended", rank.value()), about_rank(rank));
}

void Controller::State::take_back_scale() {
  outbox.event("scale_taken_back",
               fmt::format("{} expert ranks were not there within {}{}{}", target_experts,
                           change_time(), last_undone.empty() ? "" : ": ", last_undone));
  scale_until.reset();
  stop_planned("a scaling was taken back");
  give_up_wish();
  unsettled = true;
}

// The views of earlier batches stay: each of them is whole.
void Controller::State::take_back_rebalance() {
  const std::string text = fmt::format("{} of {} copies loaded, no further batch within {}",
                                       rebalance_under_way->batches.loads_done(),
                                       rebalance_under_way->batches.loads(), change_time());
  stop_planned("a rebalance was given up");
  end_rebalance(MoveState::kAbandoned, text);
}

}  // namespace switchyard::control
