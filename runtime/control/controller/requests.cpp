// Requests: to whom they go, what becomes of them when their router is gone, who hears of the end.
#include <fmt/format.h>

#include <algorithm>

#include "runtime/control/controller/state.h"
#include "runtime/control/event_about.h"

namespace switchyard::control {

void Controller::State::settle_requests() {
  for (const RequestId id : ledger.orphans(now)) release(id, "its router does not know it");
  assign_waiting();
}

std::optional<RankId> Controller::State::choose_router(const Request& request, std::string& why) {
  const std::string& regime = request.what.regime;
  if (!regime.empty()) {
    const auto [cached, fresh] = missing_by_regime.try_emplace(regime);
    if (fresh) cached->second = residency.missing(regime, *view);
    if (cached->second) {
      why = *cached->second;
      return std::nullopt;
    }
  }
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
  const std::set<RequestId> waiting = ledger.waiting();
  for (const RequestId id : waiting) {
    const TimePoint since = std::max(started + options.start_deadline, ledger.at(id).waiting_since);
    if (now <= since + options.stranded_after) continue;
    end_request(id,
                fmt::format("not_started: {} of {} ranks are there after {:.0f} s, and no first "
                            "view could be made of them",
                            there, members.size(), to_seconds(now - started)));
  }
}

void Controller::State::assign_waiting() {
  if (phase != RunPhase::kRunning) return;
  if (!view) return end_never_started();
  const bool routed =
      std::ranges::any_of(view->members, [&](const auto& m) { return m.router && member(m.rank); });
  if (routed) router_seen = now;
  if (!routed && now > router_seen + options.stranded_after) {
    return fail_open("no_router: no rank is left that could take it");
  }
  if (loaders_gone()) return fail_open(fmt::format("expert_lost: {}", waiting_for));
  const bool hopeless = options.loss == LossPolicy::kFail && !waiting_for.empty();
  const std::set<RequestId> waiting = ledger.waiting();
  std::set<std::string> full;  // regimes whose routers have no room
  for (const RequestId id : waiting) {
    const Request& request = ledger.at(id);
    if (hopeless) {
      end_request(id, fmt::format("expert_lost: {}", waiting_for));
      continue;
    }
    if (request.attempt >= options.attempts_max) {
      end_request(id, fmt::format("gave_up: {} attempts failed", request.attempt));
      continue;
    }
    if (full.contains(request.what.regime)) continue;
    std::string why;
    if (const auto router = choose_router(request, why)) {
      if (may_try(id)) give(id, *router);
    } else if (!why.empty() && now >= request.waiting_since + options.residency_wait) {
      end_request(id, fmt::format("{}: {}", kResidencyUnsatisfiable, why));
    } else if (why.empty()) {
      full.insert(request.what.regime);
    }
  }
}

// A request that its router lost or spoilt costs a token of the retry budget before it is given
// again, so that such requests cannot crowd out the others; until there is one it waits. What a
// death released is not the request's fault and goes on at once.
bool Controller::State::may_try(RequestId id) {
  if (!owing.contains(id)) return true;
  if (!retries->try_retry(now)) {
    if (!std::exchange(retries_short, true)) {
      outbox.event("retries_short",
                   fmt::format("{} requests wait for the retry budget", owing.size()));
    }
    return false;
  }
  owing.erase(id);
  retries_short = false;
  return true;
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
  if (ending_now) send(router, Cancel{id, CancelHow::kEndNow});
}

void Controller::State::release(RequestId id, const std::string& why) {
  const Holder holder = ledger.at(id).holder;
  ledger.release(id, now);
  owing.insert(id);
  outbox.journal(holder.rank, Cancel{id, CancelHow::kForget});
  outbox.event("request_released",
               fmt::format("request {} on rank {}: {}", id.value(), holder.rank.value(), why),
               about_request(ledger.at(id), holder.rank));
  if (members.lives(holder.rank, holder.life)) {
    send(holder.rank, Cancel{id, CancelHow::kForget});
  }
  unsettled = true;
}

// No fault of the request or of its router: the ranks of its regions were gone, or a slot that had
// no region yet when it was assigned holds its experts now. Under a view that serves its rule it is
// assigned anew, with the slots of that time; without one it waits, and ends as others do that
// wait.
bool Controller::State::release_forbidden(const Holder& from, const Finished& word) {
  if (!word.error.starts_with(kResidencyUnsatisfiable)) return false;
  const Request* request = ledger.find(word.id);
  if (request == nullptr || request->state != RequestState::kAssigned || request->holder != from ||
      request->attempt != word.attempt) {
    return false;
  }
  release(word.id, word.error);
  owing.erase(word.id);
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
  owing.erase(id);
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
