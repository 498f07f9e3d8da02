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
  if (restores_replicas()) {
    end_rebalance(MoveState::kAbandoned, "another number of copies is wanted");
  }
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

std::size_t Controller::State::under_replicated() const {
  if (!view) return 0;
  ShortOfCopies& last = short_of_copies;
  if (last.epoch == view->epoch && last.replicas == target_replicas) return last.experts;
  last = {view->epoch, target_replicas, 0};
  const Roles roles = Roles::of(*view);
  std::vector<std::set<RankId>> groups = region_groups(roles);
  groups.push_back(roles.experts);
  const std::vector<std::set<RankId>> regions = regions_to_reach(roles);
  for (const auto& copies : CopyTable::of(view->placement).copies) {
    const auto count_in = [&](const std::set<RankId>& group) {
      return static_cast<std::size_t>(std::ranges::count_if(
          copies, [&](const auto& copy) { return group.contains(copy.rank); }));
    };
    const auto lacks = [&](const std::set<RankId>& group) {
      return count_in(group) < std::min<std::size_t>(target_replicas, group.size());
    };
    const auto lacks_all = [&](const std::set<RankId>& region) { return count_in(region) == 0; };
    if (copies.empty()) continue;
    if (std::ranges::any_of(groups, lacks) || std::ranges::any_of(regions, lacks_all)) {
      ++last.experts;
    }
  }
  return last.experts;
}

// When nothing else is under way, and as often as it takes: nobody may be left with the single
// copies that a death, or a change that did not happen, has left. What is there stays where it is;
// experts that were masked stay so until somebody asks for a rebalance.
void Controller::State::restore_replicas() {
  if (under_replicated() == 0) {
    if (copies_owed) replicas_done();
    return;
  }
  if (now < restored_not_before) return;
  const auto roles = roles_to_balance();
  if (!roles) return;  // until it is
  const CopyTable before = CopyTable::of(view->placement);
  CopyTable table = before;
  const auto how = repair_request({roles->experts.begin(), roles->experts.end()}, target_replicas,
                                  Evenness::kLeave, *roles);
  if (const auto repaired = repair(table, how); !repaired) {
    return no_way_to_replicas(repaired.error().message);
  }
  for (std::size_t i = 0; i < table.copies.size(); ++i) {
    if (before.copies[i].empty()) table.copies[i].clear();
  }
  auto goal = placement::Placement::create(
      table.layers, table.experts, table.copies,
      before.lost() > 0 ? placement::Gaps::kMasked : placement::Gaps::kForbidden);
  if (!goal || same_ranks(table, before)) return no_way_to_replicas("no rank can take more");
  begin_moves(*goal, *roles, MovesFor::kReplicas);
  if (!rebalance_under_way) return no_way_to_replicas("no way to them was found");
  outbox.event("replicas_short", fmt::format("{} experts have fewer than {} copies: {} are loaded",
                                             under_replicated(), target_replicas,
                                             rebalance_under_way->batches.loads()));
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
