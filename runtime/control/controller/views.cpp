// Changes of the view: one at a time, prepared, then committed or rolled back.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "runtime/control/controller/state.h"
#include "runtime/control/event_about.h"

namespace switchyard::control {
namespace {

// Single-phase commits in a row within one handle(); more would be a loop.
constexpr int kCommitsMax = 8;

std::string numbers(const std::set<RankId>& ranks) {
  std::vector<std::uint32_t> out;
  out.reserve(ranks.size());
  for (const RankId rank : ranks) out.push_back(rank.value());
  return fmt::format("{}", fmt::join(out, ", "));
}

std::set<RankId> ranks_of(const Loading& loading) {
  std::set<RankId> out;
  for (const auto& [rank, copies] : loading) out.insert(rank);
  return out;
}

}  // namespace

void Controller::State::settle_views() {
  if (phase != RunPhase::kRunning || rejoining()) return;
  for (int i = 0; i < kCommitsMax; ++i) {
    if (transaction) {
      const std::set<RankId> dead = dead_members(transaction->seats);
      if (dead.empty() && !transaction->waiting.empty()) break;
      if (dead.empty()) {
        Transaction done = *std::exchange(transaction, std::nullopt);
        commit(std::move(done.view), std::move(done.seats), done.cause);
        continue;
      }
      roll_back(fmt::format("rank {} died meanwhile", numbers(dead)));
    }
    std::optional<Proposal> next = propose();
    if (!next) break;
    begin(std::move(*next));
  }
  retire_old();
}

Result<std::shared_ptr<const placement::View>> Controller::State::make_view(
    const Proposal& proposal, Epoch epoch) const {
  auto out = std::make_shared<placement::View>();
  out->epoch = epoch;
  for (const RankId rank : proposal.roles.all()) {
    const Slot& slot = members.at(rank);
    out->members.push_back({rank, proposal.roles.routers.contains(rank),
                            proposal.roles.experts.contains(rank), slot.host, slot.region,
                            slot.zone, slot.address});
  }
  SY_ASSIGN(out->placement,
            placement::Placement::create(proposal.table.layers, proposal.table.experts,
                                         proposal.table.copies, proposal.gaps));
  return out;
}

Seats Controller::State::seats_of(const placement::View& of) const {
  Seats out;
  for (const auto& member : of.members) {
    out.emplace(member.rank, members.at(member.rank).incarnation);
  }
  return out;
}

std::set<RankId> Controller::State::dead_members(const Seats& of) const {
  std::set<RankId> out;
  for (const auto& [rank, life] : of) {
    if (!members.lives(rank, life)) out.insert(rank);
  }
  return out;
}

// Those that get an expert which they do not hold as members of the view, and new routers. All
// that hold experts, where ranks follow a view that is not known: they load no more than they lack.
// For the first view all expert ranks, and routers that did not begin as such.
Loading Controller::State::who_must_load(const placement::View& next) const {
  Loading out;
  const bool known = view && !unknown_followed();
  const std::set<RankId> routers = view ? Roles::of(*view).routers : std::set<RankId>();
  for (const auto& now_member : next.members) {
    const bool routed = member(now_member.rank) && routers.contains(now_member.rank);
    const bool spare = members.at(now_member.rank).kind == RankKind::kSpare;
    if (view && now_member.router && !routed) out[now_member.rank];
    if (!known && (now_member.expert || spare)) out[now_member.rank];
  }
  if (view && !known) return out;
  const CopyTable after = CopyTable::of(next.placement);
  CopyTable before{after.layers, after.experts, {}};
  before.copies.resize(after.copies.size());
  if (view) before = CopyTable::of(view->placement);
  before.drop(dead_members(seats));  // a new life in the same slot holds nothing of it
  for (std::size_t i = 0; i < after.copies.size(); ++i) {
    for (const auto& copy : after.copies[i]) {
      const bool held = std::ranges::any_of(before.copies[i],
                                            [&](const auto& old) { return old.rank == copy.rank; });
      if (!held) ++out[copy.rank];
    }
  }
  return out;
}

void Controller::State::begin(Proposal proposal) {
  auto next = make_view(proposal, last_epoch.next());
  if (!next) {
    planned_not_before = now + options.prepare_deadline;
    outbox.event("plan_failed", next.error().message);
    if (proposal.purpose == Purpose::kBatch) {
      end_rebalance(MoveState::kAbandoned, next.error().message);
    }
    return;
  }
  last_epoch = last_epoch.next();
  if (proposal.purpose == Purpose::kBatch) rebalance_under_way->pending = last_epoch;
  Seats next_seats = seats_of(**next);
  Loading loading = who_must_load(**next);
  if (loading.empty()) return commit(*next, std::move(next_seats), proposal.cause);
  const bool promising = std::ranges::any_of(ranks_of(loading), [&](RankId r) { return fit(r); });
  transaction = Transaction{*next,
                            std::move(next_seats),
                            ranks_of(loading),
                            {},
                            std::move(proposal.cause),
                            proposal.occasion,
                            std::move(loading),
                            now,
                            promising};
  for (const RankId rank : transaction->waiting) {
    transaction->late_at[rank] = now + options.prepare_deadline;
  }
  const Message prepare = Prepare{*next};
  outbox.journal({}, prepare);
  outbox.event("view_preparing",
               fmt::format("epoch {} ({}): rank {} to load", last_epoch.value(), transaction->cause,
                           numbers(transaction->waiting)),
               about_epoch(last_epoch));
  for (const RankId rank : transaction->waiting) send(rank, prepare);
}

void Controller::State::commit(std::shared_ptr<const placement::View> next, Seats next_seats,
                               const std::string& cause) {
  const Message message = Commit{next};
  outbox.journal({}, message);
  outbox.event("view_committed",
               fmt::format("epoch {} ({}): {} members, {} experts masked", next->epoch.value(),
                           cause, next->members.size(), next->placement.masked_count()),
               about_epoch(next->epoch));
  follow(std::move(next), std::move(next_seats));
  send_all(message);
}

void Controller::State::follow(std::shared_ptr<const placement::View> next, Seats next_seats) {
  if (!view) {
    // Never fewer than begin: a process that was a spare in its first life may come as another
    // kind.
    const Roles first = Roles::of(*next);
    target_experts = std::max(target_experts, static_cast<std::uint32_t>(first.experts.size()));
    target_routers = std::max(target_routers, static_cast<std::uint32_t>(first.routers.size()));
  }
  view = std::move(next);
  seats = std::move(next_seats);
  last_epoch = std::max(last_epoch, view->epoch);
  evidence.begin_epoch(view->epoch, view->members.size());
  missing_by_regime.clear();
  waiting_for.clear();
  whole_since = now;
  failed_changes = 0;
  last_undone.clear();
  settle_scale();
  forget_chosen();
}

// Who has gone has gone; if it comes back, it is chosen anew.
void Controller::State::forget_chosen() {
  const std::set<RankId> experts = Roles::of(*view).experts;
  std::erase_if(leave_first, [&](RankId rank) { return !experts.contains(rank); });
}

void Controller::State::roll_back(const std::string& reason) {
  const Transaction undone = *std::exchange(transaction, std::nullopt);
  if (undone.occasion == Occasion::kPlanned) last_undone = reason;
  outbox.event("view_rolled_back",
               fmt::format("epoch {} ({}): {}", undone.view->epoch.value(), undone.cause, reason),
               about_epoch(undone.view->epoch));
  for (const auto& [rank, life] : undone.seats) {
    if (members.lives(rank, life)) send(rank, Rollback{undone.view->epoch, reason});
  }
  unsettled = true;
}

bool Controller::State::worth_another_try() {
  const bool spare_left = find_spare(&can_hold, {}) || find_spare(&can_route, {});
  return spare_left && ++failed_changes < members.size();
}

// What was asked for cannot be had: the wish is given up, but never that there be one of each.
void Controller::State::give_up_wish() {
  failed_changes = 0;
  const Roles held = Roles::of(*view);
  const auto experts = static_cast<std::uint32_t>(std::max<std::size_t>(held.experts.size(), 1));
  const auto routers = static_cast<std::uint32_t>(std::max<std::size_t>(held.routers.size(), 1));
  lower_wish(experts, routers);
}

void Controller::State::lower_wish(std::uint32_t experts, std::uint32_t routers) {
  leave_first.clear();
  if (experts != target_experts || routers != target_routers) {
    outbox.event("wish_given_up",
                 fmt::format("{} expert ranks and {} routers stay; {} and {} cannot be had now",
                             experts, routers, target_experts, target_routers));
  }
  target_experts = experts;
  target_routers = routers;
  scale_until.reset();
  const std::uint64_t both = std::uint64_t{experts} << 32 | routers;
  outbox.journal({}, Event{both, std::string(kWishGivenUp), {}});
}

// Whoever reads weights is not late, however many they are.
void Controller::State::note_loading(RankId rank, const Heartbeat& beat) {
  if (!transaction || !transaction->waiting.contains(rank)) return;
  if (beat.weights_read <= members.at(rank).heartbeat.weights_read) return;
  transaction->late_at[rank] = now + options.prepare_deadline;
  transaction->promising = true;
}

void Controller::State::check_deadline() {
  if (!transaction || now < transaction->deadline()) return;
  std::set<RankId> late;
  for (const RankId rank : transaction->waiting) {
    if (now < transaction->late_at.at(rank)) continue;
    late.insert(rank);
    members.failed_to_prepare(rank, options.prepare_deadline, now);
  }
  if (transaction->occasion == Occasion::kPlanned && !batch_under_way()) give_up_wish();
  roll_back(fmt::format("rank {} did not prepare in time", numbers(late)));
  // Nobody waits for a rank that is in no view, so that nothing else would tell of its engine.
  constexpr std::uint32_t kFailuresMax = 3;
  for (const RankId rank : late) {
    if (member(rank) || members.at(rank).failed_prepares < kFailuresMax) continue;
    declare_dead(rank, fmt::format("it did not prepare {} times in a row", kFailuresMax));
  }
}

// Old copies may go when every router that lives acts under the view.
void Controller::State::retire_old() {
  if (!view || retired == view->epoch) return;
  for (const auto& member : view->members) {
    if (member.router && this->member(member.rank) &&
        members.at(member.rank).adopted < view->epoch) {
      return;
    }
  }
  retired = view->epoch;
  outbox.journal({}, Retire{retired});
  outbox.event("epoch_retired", fmt::format("nothing below epoch {} is in use", retired.value()),
               about_epoch(retired));
  send_all(Retire{retired});
}

}  // namespace switchyard::control
