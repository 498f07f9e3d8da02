// The number of copies of each expert, as a client or the autoscaler wants it: a plan with as many,
// and the way there in the batches of a rebalance. One change at a time; what a death or a rank
// that cannot load interrupts is begun again until its time is over.
#include <fmt/format.h>

#include <algorithm>

#include "runtime/control/controller/state.h"

namespace switchyard::control {

Answer Controller::State::set_replicas(std::uint32_t replicas) {
  const auto refuse = [](std::string code, std::string reason) {
    return Answer{false, std::move(code), std::move(reason), {}};
  };
  if (replicas == 0) return refuse("invalid", "at least one copy of each expert");
  if (const std::string reason = busy(); !reason.empty()) return refuse("busy", reason);
  const std::size_t ranks = Roles::of(*view).experts.size();
  if (replicas > ranks) {
    return refuse("too_few_ranks", fmt::format("{} copies need as many expert ranks; there are {}",
                                               replicas, ranks));
  }
  if (replicas == target_replicas) return {true, "ok", "there are as many already", {}};
  outbox.event("replicas_asked",
               fmt::format("from {} to {} copies of each expert", target_replicas, replicas));
  begin_replicas(replicas);
  return {true, "ok", fmt::format("taken back where it is not done within {}", change_time()), {}};
}

void Controller::State::begin_replicas(std::uint32_t replicas) {
  replica_change = ReplicaChange{target_replicas, now + options.change_deadline};
  target_replicas = replicas;
}

std::uint32_t Controller::State::replicas_at_once() const {
  if (replica_change) return std::min(replica_change->from, target_replicas);
  if (!copies_owed) return target_replicas;
  return std::min(static_cast<std::uint32_t>(fewest_copies()), target_replicas);
}

std::size_t Controller::State::fewest_copies() const {
  std::size_t fewest = Roles::of(*view).experts.size();
  for (const auto& copies : CopyTable::of(view->placement).copies) {
    if (!copies.empty()) fewest = std::min(fewest, copies.size());
  }
  return fewest;
}

// When nothing else is under way, and as often as it takes: nobody may be left with the single
// copies of a change that did not happen.
void Controller::State::restore_replicas() {
  const std::size_t wanted =
      std::min<std::size_t>(target_replicas, Roles::of(*view).experts.size());
  if (fewest_copies() >= wanted) return replicas_done();
  if (now >= restored_not_before) move_to_replicas();
}

// Between two rebalances: the way to the plan with the copies that are wanted, where there is one.
void Controller::State::move_to_replicas() {
  const auto roles = roles_to_balance();
  if (!roles) return;  // until it is, or until its time is over
  auto table = plan(*roles, PlanFrom::kThere);
  auto goal = table ? placement::Placement::create(table->layers, table->experts, table->copies)
                    : Result<placement::Placement>(Unexpected(table.error()));
  if (!goal) return no_way_to_replicas(goal.error().message);
  if (same_ranks(*table, CopyTable::of(view->placement))) return replicas_done();
  begin_moves(*goal, *roles, MovesFor::kReplicas);
  if (!rebalance_under_way) no_way_to_replicas("no way to the plan was found");
}

void Controller::State::no_way_to_replicas(const std::string& why) {
  if (replica_change) return take_back_replicas(why);
  restored_not_before = now + options.prepare_deadline;
}

void Controller::State::replicas_done() {
  const bool restored = !replica_change;
  replica_change.reset();
  copies_owed = false;
  outbox.journal({}, Event{target_replicas, std::string(kReplicasDone), {}});
  outbox.event(restored ? "replicas_restored" : "replicas_done",
               fmt::format("{} copies of each expert", target_replicas));
}

// Copies that have come stay where they are until the next plan counts them; those that have gone
// come back (restore_replicas).
void Controller::State::take_back_replicas(const std::string& why) {
  const std::uint32_t wanted = std::exchange(target_replicas, replica_change->from);
  replica_change.reset();
  copies_owed = copies_owed || target_replicas > wanted;
  outbox.journal({}, Event{target_replicas, std::string(kReplicasTakenBack), {}});
  outbox.event("replicas_taken_back", fmt::format("{} copies of each expert instead of {}: {}",
                                                  target_replicas, wanted, why));
  if (rebalance_under_way && rebalance_under_way->moves_for == MovesFor::kReplicas) {
    stop_planned("copies of each expert were not changed");
    end_rebalance(MoveState::kAbandoned, why);
  }
  unsettled = true;
}

}  // namespace switchyard::control
