// What the next view should be: who has which role, who holds which expert.
#include <fmt/format.h>

#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/control/controller/state.h"

namespace switchyard::control {

std::optional<Proposal> Controller::State::propose() {
  if (!view) return propose_first();
  take_back_hopeless_drains();
  std::set<RankId> dead = dead_members(seats);
  const bool unknown = unknown_followed();
  for (const RankId rank : unknown ? unable_members() : std::set<RankId>()) {
    dead.insert(rank);
    // A router may have requests under an older view, which nobody would ask about outside a view.
    if (!view->find(rank)->router || !member(rank)) continue;
    declare_dead(rank, "it could not prepare for the view after those that are not known");
  }
  if (!dead.empty()) return propose_recovery(dead);
  if (unknown) return propose_known_again();
  if (auto again = propose_asking_again()) return again;
  // Planned with those that are back first, a change would leave out the others.
  if (now < planned_not_before || lost_any()) return std::nullopt;
  if (auto roles = propose_roles()) return roles;
  return propose_rebalance();
}

std::optional<RankId> Controller::State::find_spare(bool (*can)(RankKind), const Roles& taken,
                                                    const std::set<std::string>& regions) const {
  std::optional<RankId> best;
  int best_score = -1;
  const std::set<RankId> busy = taken.all();
  for (std::uint32_t r = 0; r < members.size(); ++r) {
    const RankId rank(r);
    const Slot& slot = members.at(rank);
    if (!usable(rank) || member(rank) || busy.contains(rank) || !can(slot.kind)) continue;
    if (!view && slot.kind != RankKind::kSpare) continue;  // it begins with a role of its own
    const int score =
        (regions.contains(slot.region) ? 2 : 0) + (slot.kind == RankKind::kSpare ? 1 : 0);
    if (score <= best_score) continue;
    best = rank;
    best_score = score;
  }
  return best;
}

std::vector<RankId> Controller::State::usable_of(const std::set<RankId>& ranks) const {
  std::vector<RankId> out;
  std::ranges::copy_if(ranks, std::back_inserter(out), [&](RankId rank) { return usable(rank); });
  return out;
}

// Experts that nobody has are worth another try by a rank that could not load them, and soon: the
// time for which it gets no other role would be an outage.
std::vector<RankId> Controller::State::loaders_of(const std::set<RankId>& ranks) const {
  constexpr Duration kAgainAfter{2'000'000'000};
  std::vector<RankId> out = usable_of(ranks);
  if (!out.empty()) return out;
  std::ranges::copy_if(ranks, std::back_inserter(out), [&](RankId rank) {
    const Slot& slot = members.at(rank);
    return slot.state == SlotState::kLive && !slot.cordoned && now >= slot.failed_at + kAgainAfter;
  });
  return out;
}

bool Controller::State::lost_any() const {
  for (std::uint32_t r = 0; r < members.size(); ++r) {
    if (members.at(RankId(r)).state == SlotState::kLost) return true;
  }
  return false;
}

void Controller::State::wait_for_ranks(const std::string& why) {
  if (waiting_for == why) return;
  waiting_for = why;
  outbox.event("waiting_for_ranks", why);
}

std::optional<Proposal> Controller::State::propose_recovery(const std::set<RankId>& dead) {
  Proposal next{Roles::of(*view), CopyTable::of(view->placement), {}, Occasion::kRecovery};
  const std::size_t lost_before = next.table.lost();
  const bool without = lost_before > 0;
  for (const RankId rank : dead) {
    next.cause += fmt::format("{}rank {} {}", next.cause.empty() ? "" : ", ", rank.value(),
                              member(rank) ? "could not prepare" : "died");
    next.roles.routers.erase(rank);
    next.roles.experts.erase(rank);
  }
  next.table.drop(dead);
  const std::size_t lost = next.table.lost();
  next.gaps = without || options.loss == LossPolicy::kMask ? placement::Gaps::kMasked
                                                           : placement::Gaps::kForbidden;
  if (lost == lost_before) return next;
  if (options.loss == LossPolicy::kMask && !next.roles.experts.empty()) {
    outbox.event("experts_masked", fmt::format("{}: {} experts have no copy left and are masked",
                                               next.cause, lost - lost_before));
    return next;
  }
  if (options.loss == LossPolicy::kFail) {
    fail_open(fmt::format("expert_lost: {}: {} experts have no copy left", next.cause, lost));
  }
  const Roles left = next.roles;
  fill_roles(next.roles, dead);
  const bool spare_came = next.roles.experts.size() > left.experts.size();
  std::set<RankId> takers = next.roles.experts;
  if (options.loss == LossPolicy::kFail) {
    for (const RankId rank : left.experts) takers.erase(rank);
  }
  // After a restart the first to be back would have to load everything.
  if (lost_any()) {
    wait_for_ranks(fmt::format("{}: ranks that could load are coming back", next.cause));
    return std::nullopt;
  }
  RepairRequest how = repair_request(loaders_of(takers), spare_came ? replicas_at_once() : 1,
                                     Evenness::kLeave, next.roles);
  how.regions.clear();  // nobody waits for those: the experts are elsewhere (restore_replicas)
  next.gaps = placement::Gaps::kForbidden;
  if (how.targets.empty() || !repair(next.table, how)) {
    wait_for_ranks(fmt::format("{}: {} experts have no copy left and no rank can load them",
                               next.cause, lost));
    return std::nullopt;
  }
  return next;
}

// Gives spares the roles that a residency rule lacks, then those that are short of their targets:
// rather where somebody has gone than elsewhere.
void Controller::State::fill_roles(Roles& want, const std::set<RankId>& gone) const {
  fill_rules(want);
  const std::set<std::string> regions = vacated_regions(gone);
  const auto routing = [&] {
    return static_cast<std::size_t>(std::ranges::count_if(
        want.routers, [&](RankId rank) { return !members.at(rank).cordoned; }));
  };
  const auto add = [&](bool (*can)(RankKind), std::set<RankId>& to) {
    const auto spare = find_spare(can, want, regions);
    if (spare) to.insert(*spare);
    return spare.has_value();
  };
  if (want.experts.empty()) (void)add(&can_hold, want.experts);
  if (routing() == 0 && !add(&can_route, want.routers)) {
    // A last rank that can do both does both.
    for (const RankId rank : want.experts) {
      if (!usable(rank) || !can_route(members.at(rank).kind)) continue;
      want.routers.insert(rank);
      break;
    }
  }
  while (want.experts.size() < target_experts && add(&can_hold, want.experts)) {
  }
  for (const RankId rank : want.routers) {
    if (want.experts.size() >= target_experts) break;
    if (members.at(rank).kind == RankKind::kBoth && usable(rank)) want.experts.insert(rank);
  }
  while (routing() < target_routers && add(&can_route, want.routers)) {
  }
}

Roles Controller::State::to_targets(Roles want) const {
  fill_rules(want);
  while (want.experts.size() > std::max<std::size_t>(target_experts, 1)) {
    const auto leaver = first_to_leave(want);
    if (!leaver) break;
    want.experts.erase(*leaver);
  }
  fill_roles(want);
  return want;
}

// Of the expert ranks that no residency rule needs: one that could not load of late; whom the
// autoscaler chose; else the newest, and
// those that only hold experts before those that route too.
std::optional<RankId> Controller::State::first_to_leave(const Roles& roles) const {
  const auto newest_of = [&](auto&& wanted) -> std::optional<RankId> {
    const auto found = std::find_if(roles.experts.rbegin(), roles.experts.rend(),
                                    [&](RankId r) { return wanted(r) && may_leave(r, roles); });
    return found == roles.experts.rend() ? std::nullopt : std::optional(*found);
  };
  if (const auto stuck = newest_of([&](RankId r) { return !fit(r); })) return stuck;
  if (const auto chosen = newest_of([&](RankId r) { return leave_first.contains(r); })) {
    return chosen;
  }
  if (const auto plain = newest_of([&](RankId r) { return !roles.routers.contains(r); })) {
    return plain;
  }
  return newest_of([](RankId) { return true; });
}

std::optional<Proposal> Controller::State::propose_roles() {
  const Roles held = Roles::of(*view);
  Roles want = held;
  std::erase_if(want.experts, [&](RankId rank) { return members.at(rank).cordoned; });
  std::erase_if(want.routers, [&](RankId rank) {
    return members.at(rank).cordoned && ledger.open_count(rank) == 0;
  });
  want = to_targets(std::move(want));
  if (want.experts.empty()) want.experts = held.experts;
  if (want.routers.empty()) want.routers = held.routers;
  if (want == held && want.experts.size() > std::max<std::size_t>(target_experts, 1)) {
    lower_wish(static_cast<std::uint32_t>(want.experts.size()), target_routers);
  }
  Proposal next{want, CopyTable::of(view->placement), "roles"};
  const auto groups = region_groups(want);
  const bool whole = covers(next.table, groups);
  if (want == held && whole) return std::nullopt;
  next.gaps = next.table.lost() > 0 ? placement::Gaps::kMasked : placement::Gaps::kForbidden;
  if (want.experts == held.experts && whole) return next;
  const CopyTable before = next.table;
  std::set<RankId> out;
  std::ranges::set_difference(held.experts, want.experts, std::inserter(out, out.end()));
  next.table.drop(out);
  const Evenness evenness = want.experts == held.experts ? Evenness::kLeave : Evenness::kLevel;
  const RepairRequest how =
      repair_request(usable_of(want.experts), replicas_at_once(), evenness, want);
  if (how.targets.empty() || !repair(next.table, how)) return std::nullopt;
  if (want.experts != held.experts && how.targets.size() == want.experts.size()) {
    plan_by_load(want, next.table);
  }
  next.gaps = placement::Gaps::kForbidden;
  keep_slots(next.table, before);
  if (want == held && same_ranks(next.table, before)) return std::nullopt;
  next.cause = fmt::format("{} expert ranks, {} routers", want.experts.size(), want.routers.size());
  return next;
}

}  // namespace switchyard::control
