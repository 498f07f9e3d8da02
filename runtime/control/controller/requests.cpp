// Requests: to whom they go, what becomes of them when their router is gone, who hears of the end.
#include <fmt/format.h>

#include <algorithm>

#include "runtime/control/controller/state.h"
#include "runtime/control/event_about.h"
#include "runtime/control/no_router.h"
#include "runtime/control/token_bytes.h"

namespace switchyard::control {

void Controller::State::settle_requests() {
  while (const auto id = ledger.orphan(now)) release(*id, "its router does not know it");
  assign_waiting();
  if (move_unbegun()) assign_waiting();
}

// What the regime lacks under the view; nothing: it can be served.
std::optional<std::string> Controller::State::missing_of(const std::string& regime) {
  if (regime.empty()) return std::nullopt;
  const auto [cached, fresh] = missing_by_regime.try_emplace(regime);
  if (fresh) cached->second = residency.missing(regime, *view);
  return cached->second;
}

std::optional<RankId> Controller::State::choose_router(const Request& request) const {
  const std::string& regime = request.what.regime;
  // Where the request comes from before elsewhere; of those the one with the fewest.
  std::optional<RankId> best;
  const auto load_of = [&](RankId rank) {
    const bool elsewhere = members.at(rank).region != request.what.origin;
    return std::pair(!request.what.origin.empty() && elsewhere, ledger.open_count(rank));
  };
  for (const auto& candidate : view->members) {
    if (!candidate.router || !residency.allows(regime, candidate.region)) continue;
    if (!member(candidate.rank) || !usable(candidate.rank)) continue;
    if (ledger.open_count(candidate.rank) >= options.open_per_router_max) continue;
    if (!best || load_of(candidate.rank) < load_of(*best)) best = candidate.rank;
  }
  return best;
}

// Ranks that never come, or of which no view can be made: nobody waits for ever.
void Controller::State::end_never_started() {
  std::size_t there = 0;
  for (std::uint32_t r = 0; r < members.size(); ++r) {
    there += members.at(RankId(r)).alive() ? 1U : 0U;
  }
  while (const auto id = ledger.waiting().longest()) {
    const TimePoint since =
        std::max(started + options.start_deadline, ledger.at(*id).waiting_since);
    if (now <= since + options.stranded_after) return;
    end_request(*id,
                fmt::format("not_started: {} of {} ranks are there after {:.0f} s, and no first "
                            "view could be made of them",
                            there, members.size(), to_seconds(now - started)));
  }
}

// All are to end: those that wait do so at once, with the tokens of earlier attempts.
void Controller::State::end_waiting() {
  while (const auto id = ledger.waiting().longest()) {
    const Request& request = ledger.at(*id);
    const std::size_t tokens = request.tokens.size();
    const std::string ended(kEndedNow);
    ledger.fail(*id, ended, tokens_to_bytes(request.tokens));
    outbox.journal({}, RequestDone{*id, request.what.name, ended, request.result});
    outbox.note("request_done",
                fmt::format("request {} ended after {} tokens, before a router had it", id->value(),
                            tokens),
                about_request(request));
    watch_queue.add(*id);
  }
}

// Nothing here walks through those that wait: a backlog must not make each event dearer.
void Controller::State::assign_waiting() {
  if (phase != RunPhase::kRunning) return;
  if (ending_now) end_waiting();
  if (!view) return end_never_started();
  const bool routed =
      std::ranges::any_of(view->members, [&](const auto& m) { return m.router && member(m.rank); });
  if (routed) router_seen = now;
  if (!routed && now > router_seen + options.stranded_after) {
    return fail_open("no_router: no rank is left that could take it");
  }
  if (loaders_gone()) return fail_open(fmt::format("expert_lost: {}", waiting_for));
  if (options.loss == LossPolicy::kFail && !waiting_for.empty()) {
    const std::string lost = fmt::format("expert_lost: {}", waiting_for);
    while (const auto id = ledger.waiting().longest()) end_request(*id, lost);
  }
  pay_for_retries();
  WaitingLine::Regimes passed_over = end_unsatisfiable();
  while (const auto id = ledger.waiting().next(passed_over)) {
    const Request& request = ledger.at(*id);
    if (end_hopeless(request)) continue;
    if (const auto router = choose_router(request)) {
      give(*id, *router);
    } else {
      passed_over.insert(request.what.regime);  // its routers have no room
    }
  }
}

// Where it has been tried often enough; attempts that died with their router do not count.
bool Controller::State::end_hopeless(const Request& request) {
  if (request.failures < options.attempts_max) return false;
  end_request(request.id, fmt::format("gave_up: {} attempts failed", request.failures));
  return true;
}

// The regimes that cannot be served now, after the end of what has waited too long for them.
WaitingLine::Regimes Controller::State::end_unsatisfiable() {
  WaitingLine::Regimes out;
  for (const std::string& regime : ledger.waiting().regimes()) {
    const auto why = missing_of(regime);
    if (!why) continue;
    out.insert(regime);
    while (const auto id = ledger.waiting().longest(regime)) {
      if (now < ledger.at(*id).waiting_since + options.residency_wait) break;
      end_request(*id, fmt::format("{}: {}", kResidencyUnsatisfiable, *why));
    }
  }
  return out;
}

// A request that its router lost or spoilt rests for a random while, and then costs a token of the
// retry budget before it is given again, so that such requests cannot crowd out the others; until
// there is one it waits. What a
// death released is not the request's fault and goes on at once.
void Controller::State::pay_for_retries() {
  while (const auto id = ledger.waiting().owing(now)) {
    if (end_hopeless(ledger.at(*id))) continue;
    if (!retries->try_retry(now)) {
      if (!std::exchange(retries_short, true)) {
        outbox.event("retries_short", fmt::format("{} requests wait for the retry budget",
                                                  ledger.waiting().owing_count()));
      }
      return;
    }
    ledger.pay(*id);
    retries_short = false;
  }
}

void Controller::State::give(RequestId id, RankId router) {
  const std::uint32_t attempt = ledger.assign(id, {router, members.at(router).incarnation});
  const Request& request = ledger.at(id);
  outbox.journal(router, Assign{id, attempt, {}, {}, {}, {}, {}});
  Assign assign{id, attempt,        request.what.trace_parent, {},
                {}, request.tokens, request.what.payload};
  if (!request.what.regime.empty()) {
    assign.allowed = allowed_slots(request.what.regime);
    assign.origin = counted_origin(request.what.origin, request.what.regime);
  }
  if (attempt > 1) {
    outbox.event("request_resumed",
                 fmt::format("request {} attempt {} on rank {} after {} tokens", id.value(),
                             attempt, router.value(), request.tokens.size()),
                 about_request(request, router));
  } else {
    outbox.note("request_assigned",
                fmt::format("request {} to rank {}", id.value(), router.value()),
                about_request(request, router));
  }
  send(router, std::move(assign));
}

void Controller::State::release(RequestId id, const std::string& why, Again again) {
  const Holder holder = ledger.at(id).holder;
  std::optional<TimePoint> retry_at;
  if (again == Again::kOwing) {
    retry_at = now + full_jitter(options.retry_wait, ledger.at(id).failures, random);
  }
  ledger.release(id, now, retry_at);
  ++ledger.at(id).failures;
  outbox.journal(holder.rank, Cancel{id, CancelHow::kForget});
  outbox.event("request_released",
               fmt::format("request {} on rank {}: {}", id.value(), holder.rank.value(), why),
               about_request(ledger.at(id), holder.rank));
  if (members.lives(holder.rank, holder.life)) {
    send(holder.rank, Cancel{id, CancelHow::kForget});
  }
  request_left(holder.rank);
}

// A drained router may leave the view with its last request.
void Controller::State::request_left(RankId router) {
  requests_unsettled = true;
  unsettled = unsettled || members.at(router).cordoned;
}

// No fault of the request or of its router: the ranks of its regions were gone, or a slot that had
// no region yet when it was assigned holds its experts now. Under a view that serves its rule it is
// assigned anew, with the slots of that time; without one it waits, and ends as others do that
// wait. Nor where the rank has no router's part: others take it, and that rank gets none for a
// while, or it would draw all of them, for it never has any open.
bool Controller::State::release_refused(const Holder& from, const Finished& word) {
  const bool no_router = word.error == kNoRouterHere;
  if (!no_router && !word.error.starts_with(kResidencyUnsatisfiable)) return false;
  const Request* request = ledger.find(word.id);
  if (request == nullptr || request->state != RequestState::kAssigned || request->holder != from ||
      request->attempt != word.attempt) {
    return false;
  }
  if (no_router && fit(from.rank)) {
    members.failed_to_prepare(from.rank, options.prepare_deadline, now);
  }
  release(word.id, word.error, Again::kAtOnce);
  return true;
}

// Of a life that is over; its end in the journal says so for all of them.
void Controller::State::release_all(const Holder& holder, const std::string& why) {
  const std::vector<RequestId> ids = ledger.held_by(holder);
  for (const RequestId id : ids) ledger.release(id, now);
  if (ids.empty()) return;
  outbox.event("requests_released",
               fmt::format("{} requests of rank {}: {}", ids.size(), holder.rank.value(), why),
               about_rank(holder.rank));
}

void Controller::State::end_request(RequestId id, const std::string& error) {
  ledger.fail(id, error);
  const Request& request = ledger.at(id);
  outbox.journal({}, RequestDone{id, request.what.name, error, {}});
  outbox.event("request_failed", fmt::format("request {}: {}", id.value(), error),
               about_request(request));
  watch_queue.add(id);
}

void Controller::State::fail_open(const std::string& error) {
  std::vector<RequestId> open;
  for (const auto& [id, request] : ledger.all()) {
    if (request.state != RequestState::kDone) open.push_back(id);
  }
  for (const RequestId id : open) {
    const Request& request = ledger.at(id);
    if (request.state == RequestState::kAssigned &&
        members.lives(request.holder.rank, request.holder.life)) {
      send(request.holder.rank, Cancel{id, CancelHow::kForget});
    }
    end_request(id, error);
  }
}

}  // namespace switchyard::control
