// Who is alive: broken connections, silence, goodbyes.
#include <fmt/format.h>

#include <algorithm>

#include "runtime/control/controller/state.h"
#include "runtime/control/event_about.h"

namespace switchyard::control {

void Controller::State::connection_lost(RankId rank, const std::string& reason) {
  unsettled = true;
  Duration grace = options.health.reconnect_grace;
  if (now < rejoin_until) grace = std::max(grace, rejoin_until - now);
  if (grace == Duration::zero() || phase == RunPhase::kLeaving) {
    return declare_dead(rank, fmt::format("its connection broke: {}", reason));
  }
  members.lose(rank, now + grace, now);
  outbox.event("rank_lost", fmt::format("rank {}: its connection broke: {}", rank.value(), reason),
               about_rank(rank));
}

// Whoever was told nothing for so long has left, or will be found to have: as after a restart.
void Controller::State::note_standstill() {
  if (last_tick && now - *last_tick > kStandstillMax) rejoin_until = now + options.rejoin_window;
}

void Controller::State::declare_dead(RankId rank, const std::string& reason) {
  unsettled = true;
  const Slot& slot = members.at(rank);
  const Holder who{rank, slot.incarnation};
  if (slot.connection != ConnectionId()) {
    outbox.close(slot.connection, reason);
    peers.erase(slot.connection);
  }
  members.end(rank, SlotState::kDead, now);
  const RankLeft left = last_words(rank);
  outbox.journal(rank, left);
  outbox.event("rank_dead",
               fmt::format("rank {} life {}: {}", rank.value(), who.life.value(), reason),
               about_rank(rank));
  end_drain(rank);
  depart(left);
  evidence.forget(rank);
  forget_breakers(rank);
  slow_ranks.forget(rank);
  release_all(who, "its router died");
  replace(rank);
}

// Of a life that has died: what it had reported.
RankLeft Controller::State::last_words(RankId rank) const {
  RankLeft left{rank, {}, totals.last_of(rank)};
  left.last.life = members.at(rank).incarnation;
  const auto seat = seats.find(rank);
  if (seat != seats.end() && seat->second == left.last.life) {
    left.last.router = view->find(rank)->router;
    left.last.expert = view->find(rank)->expert;
  }
  return left;
}

// The last resort: a new process for the slot, where no spare waits and the operator allows it.
void Controller::State::replace(RankId rank) {
  if (phase != RunPhase::kRunning || spawned >= options.spawns_max) return;
  if (find_spare(&can_hold, {}) || find_spare(&can_route, {})) return;
  spawn(rank);
}

// A spare that waited when a rank died may have taken another's place meanwhile.
void Controller::State::replace_missing() {
  if (phase != RunPhase::kRunning || transaction || spawned >= options.spawns_max) return;
  if (!view && lost_any()) return;  // they may come back and begin
  const Roles held = view ? Roles::of(*view) : first_roles();
  const std::size_t there = held.experts.size() + held.routers.size();
  std::size_t coming = 0;
  for (std::uint32_t r = 0; r < members.size(); ++r) {
    coming += members.at(RankId(r)).awaited_until ? 1U : 0U;
  }
  if (there + coming >= std::size_t{target_experts} + target_routers) return;
  if (find_spare(&can_hold, held) || find_spare(&can_route, held)) return;
  if (const auto slots = spawnable(); !slots.empty()) spawn(slots.front());
}

void Controller::State::spawn(RankId slot) {
  expect_process(slot);
  outbox.journal(slot, Event{0, std::string(kSpawnEvent), {}});
  outbox.spawn(slot);
  outbox.event("rank_spawn", fmt::format("a process is to be started for slot {}", slot.value()),
               about_rank(slot));
}

void Controller::State::expect_process(RankId rank) {
  members.at(rank).spawn = ++spawned;
  members.at(rank).awaited_until = now + options.spawn_deadline;
}

void Controller::State::give_up_spawns() {
  for (std::uint32_t r = 0; r < members.size(); ++r) {
    auto& until = members.at(RankId(r)).awaited_until;
    if (!until || now < *until) continue;
    until.reset();
    outbox.journal(RankId(r), Event{0, std::string(kSpawnFailed), {}});
    outbox.event("spawn_failed",
                 fmt::format("no process came to slot {} within {:.0f} s: the cluster goes on "
                             "without it",
                             r, to_seconds(options.spawn_deadline)),
                 about_rank(RankId(r)));
    if (view && !transaction && autoscaler && autoscaler->action_in_flight()) give_up_wish();
  }
}

void Controller::State::leave(RankId rank, const Goodbye& words) {
  unsettled = true;
  const Holder who{rank, members.at(rank).incarnation};
  peers.erase(members.at(rank).connection);
  members.end(rank, SlotState::kLeft, now);
  outbox.journal(rank, words);
  outbox.event("rank_left", fmt::format("rank {} said goodbye", rank.value()), about_rank(rank));
  end_drain(rank);
  depart({rank, words.payload, {}});
  evidence.forget(rank);
  forget_breakers(rank);
  slow_ranks.forget(rank);
  release_all(who, "its router left");
}

// A new life begins with closed ones, and so do the others towards it.
void Controller::State::forget_breakers(RankId rank) {
  for (auto& [ends, said] : breakers) {
    if (ends.first == rank || ends.second == rank) said = "breaker_closed";
  }
}

void Controller::State::depart(RankLeft left) {
  departed.push_back(std::move(left));
  watch_queue.add(departed.size() - 1);
}

bool Controller::State::member(RankId rank) const {
  const auto seat = seats.find(rank);
  return seat != seats.end() && members.lives(rank, seat->second);
}

bool Controller::State::usable(RankId rank) const {
  const Slot& slot = members.at(rank);
  return slot.state == SlotState::kLive && !slot.cordoned && fit(rank);
}

// Routers beside `besides` that have requests and so wait for answers: who could report it silent.
std::size_t Controller::State::routers_at_work(RankId besides) const {
  if (!view) return 0;
  return static_cast<std::size_t>(std::ranges::count_if(view->members, [&](const auto& each) {
    return each.router && each.rank != besides && member(each.rank) &&
           ledger.open_count(each.rank) > 0;
  }));
}

HealthVerdict Controller::State::judge(RankId rank) const {
  const Slot& slot = members.at(rank);
  RankFacts facts;
  facts.connection = slot.state == SlotState::kEmpty  ? Connection::kNever
                     : slot.state == SlotState::kLive ? Connection::kOpen
                                                      : Connection::kBroken;
  facts.connection_age = now - (slot.state == SlotState::kEmpty ? started : slot.since);
  facts.phase = slot.phase;
  // A member serves, whatever else it does: loading goes on beside it.
  if (member(rank) && slot.phase != Phase::kDraining) facts.phase = Phase::kServing;
  facts.phase_age = now - slot.phase_since;
  if (slot.phi) {
    facts.phi = slot.phi->phi(now);
    facts.silence = slot.phi->silence(now);
  }
  if (slot.load_at) facts.metrics_age = now - *slot.load_at;
  facts.computed = slot.computed;
  // While experts are missing nobody gets on, and it is nobody's fault.
  facts.stalled = std::min(slot.progress.stalled(now), now - whole_since);
  facts.waits_for = evidence.waits_for(rank, now);
  const Finding finding = evidence.judge(rank, facts.connection, routers_able(rank), now);
  facts.evidence = finding.level;
  facts.evidence_text = finding.text;
  facts.slow = slow_ranks.reason(rank, now);
  return judge_health(facts, options.health);
}

void Controller::State::judge_all() {
  if (!view || !dead_members(seats).empty() ||
      (transaction && transaction->occasion == Occasion::kRecovery)) {
    whole_since = now;
  }
  for (std::uint32_t r = 0; r < members.size(); ++r) {
    const RankId rank(r);
    const Slot& slot = members.at(rank);
    if (slot.state == SlotState::kLost && slot.lost_until <= now) {
      declare_dead(rank, "it did not come back");
    } else if (slot.state == SlotState::kLive) {
      const HealthVerdict verdict = judge(rank);
      if (verdict.level == HealthLevel::kDead) declare_dead(rank, verdict.text());
    }
  }
  if (phase == RunPhase::kLeaving && now >= leave_by) {
    for (std::uint32_t r = 0; r < members.size(); ++r) {
      if (members.at(RankId(r)).alive()) declare_dead(RankId(r), "it did not leave in time");
    }
  }
}

void Controller::State::stop_when_all_left() {
  if (phase != RunPhase::kLeaving) return;
  for (std::uint32_t r = 0; r < members.size(); ++r) {
    if (members.at(RankId(r)).alive()) return;
  }
  // Who watches hears everything first, unless it does not read.
  if (!watch_queue.all_told() && now < leave_by + options.leave_deadline) return;
  phase = RunPhase::kStopped;
  outbox.event("stopped", "every rank has left");
  outbox.stop();
}

}  // namespace switchyard::control
