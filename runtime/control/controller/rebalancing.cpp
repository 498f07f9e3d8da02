// Moving experts to where the load is: the balancer's inputs out of the load reports, and its
// decisions as a row of small views. One batch after the other: the next is prepared when the last
// is followed by all and its old copies are gone; routers go on stepping all the while.
#include <fmt/format.h>

#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/control/controller/state.h"

namespace switchyard::control {

void Controller::State::balance_by_load() {
  if (!view || phase != RunPhase::kRunning || !balancer.due(now)) return;
  if (rebalance_under_way) return;
  const std::string why = busy();
  if (!why.empty()) return balancer.skip(why, now);
  if (!consider_rebalance(BalancingOccasion::kByItself)) return;
  const bool active = options.balancing.mode == BalancingMode::kActive;
  outbox.event(active ? "rebalance_begun" : "rebalance_advice", balancer.last()->text());
  if (active) {
    note_begin(MovesFor::kLoad, fmt::format("by itself, {}", balancer.last()->text()));
  } else {
    rebalance_under_way.reset();
  }
}

// The expert ranks that the balancer may count on; nothing when one is not fit to take part.
std::optional<Roles> Controller::State::roles_to_balance() const {
  Roles roles = Roles::of(*view);
  const auto fit = [&](RankId rank) { return member(rank) && usable(rank); };
  if (!std::ranges::all_of(roles.experts, fit)) return std::nullopt;
  return roles;
}

// Whether there is now something to move.
bool Controller::State::consider_rebalance(BalancingOccasion occasion) {
  const bool asked = occasion == BalancingOccasion::kAsked;
  const auto roles = roles_to_balance();
  if (!roles) {
    balancer.skip("an expert rank is away or unfit", now);
    return false;
  }
  const placement::PlanRequest request = plan_request(*roles);
  BalancingInput input;
  input.now = &view->placement;
  input.ranks = request.expert_ranks;
  input.traits = request.ranks;
  input.loads = window.loads(now);
  input.expert_bytes = static_cast<double>(model->expert_bytes);
  for (const RankId rank : request.expert_ranks) {
    input.busy_share_max = std::max(input.busy_share_max, window.work(rank, now).busy_share());
  }
  if (!asked && !balancer.worth_planning(input, now)) {
    return false;
  }
  auto table = plan(*roles, asked ? PlanFrom::kThereMovesFree : PlanFrom::kThere);
  auto goal = table ? placement::Placement::create(table->layers, table->experts, table->copies)
                    : Result<placement::Placement>(Unexpected(table.error()));
  if (!goal) {
    balancer.skip(goal.error().message, now);
    outbox.event("plan_failed", goal.error().message);
    return false;
  }
  input.plan = &*goal;
  const BalancingRecord& record = balancer.decide(input, occasion, now);
  if (!record.go) return false;
  begin_moves(*goal, *roles, MovesFor::kLoad);
  return rebalance_under_way.has_value();
}

void Controller::State::begin_moves(const placement::Placement& goal, const Roles& roles,
                                    MovesFor moves_for) {
  std::vector<std::set<RankId>> groups = region_groups(roles);
  for (auto& region : regions_to_reach(roles)) groups.push_back(std::move(region));
  auto batches = MoveBatches::create(view->placement, goal,
                                     {roles.experts.begin(), roles.experts.end()}, groups);
  if (!batches) {
    balancer.skip(batches.error().message, now);
    return outbox.event("plan_failed", batches.error().message);
  }
  rebalance_under_way.emplace(
      Rebalance{*std::move(batches), view->epoch, {}, 0, moves_for, now + options.change_deadline});
}

void Controller::State::note_begin(MovesFor moves_for, const std::string& text) {
  last_move = {MoveState::kUnderWay, moves_for, text};
  outbox.journal({}, Event{static_cast<std::uint64_t>(moves_for), std::string(kMovesBegun), text});
}

void Controller::State::note_end(MoveState how, const std::string& text) {
  if (last_move.state != MoveState::kUnderWay) return;
  last_move.state = how;
  last_move.text = text;
  outbox.journal({}, Event{static_cast<std::uint64_t>(how), std::string(kMovesEnded), text});
}

void Controller::State::end_rebalance(MoveState how, const std::string& text) {
  outbox.event(how == MoveState::kDone ? "rebalance_done" : "rebalance_abandoned", text);
  note_end(how, text);
  rebalance_under_way.reset();
  balancer.ended(now);
  unsettled = true;
}

// What became of the batch that was proposed last. False when the rebalance is over.
bool Controller::State::follow_batches() {
  Rebalance& moving = *rebalance_under_way;
  const auto count = fmt::format("{} of {} copies loaded in {} views", moving.batches.loads_done(),
                                 moving.batches.loads(), moving.views);
  if (moving.pending != Epoch() && view->epoch == moving.pending) {
    moving.batches.take();
    moving.from = std::exchange(moving.pending, Epoch());
    moving.until = now + options.change_deadline;
    if (moving.moves_for == MovesFor::kReplicas && replica_change) {
      replica_change->until = moving.until;  // it gets on
    }
    ++moving.views;
  } else if (moving.pending != Epoch() || view->epoch != moving.from) {
    end_rebalance(MoveState::kAbandoned,
                  fmt::format("{}: {}", count,
                              view->epoch == moving.from ? "a batch was not prepared"
                                                         : "the view has changed meanwhile"));
    return false;
  }
  if (!moving.batches.done()) return true;
  if (moving.moves_for == MovesFor::kReplicas) replicas_done();
  end_rebalance(MoveState::kDone, fmt::format("{} copies loaded in {} views",
                                              moving.batches.loads_done(), moving.views));
  return false;
}

std::optional<Proposal> Controller::State::propose_rebalance() {
  if (!rebalance_under_way && std::exchange(rebalance_wanted, false)) {
    const bool moves = consider_rebalance(BalancingOccasion::kAsked);
    outbox.event(moves ? "rebalance_begun" : "rebalance_unneeded", balancer.last()->text());
    if (!moves) note_end(MoveState::kUnneeded, balancer.last()->text());
  }
  if (!rebalance_under_way && replica_change) move_to_replicas();
  if (!rebalance_under_way && !replica_change) restore_replicas();
  if (!rebalance_under_way || !follow_batches()) return std::nullopt;
  Rebalance& moving = *rebalance_under_way;
  // Old copies are dropped first, so that no rank holds more than one batch too much.
  if (retired != view->epoch || !roles_to_balance()) return std::nullopt;
  Proposal next{Roles::of(*view), moving.batches.next(options.balancing.copies_per_view),
                fmt::format("rebalance, {} of {} copies", moving.batches.loads_done(),
                            moving.batches.loads())};
  if (next.table.lost() > 0) next.gaps = placement::Gaps::kMasked;
  keep_slots(next.table, CopyTable::of(view->placement));
  next.purpose = Purpose::kBatch;
  return next;
}

}  // namespace switchyard::control
