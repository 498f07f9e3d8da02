// What clients ask for.
#include <fmt/format.h>

#include <deque>
#include <nlohmann/json.hpp>
#include <utility>

#include "runtime/control/codec.h"
#include "runtime/control/controller/state.h"
#include "runtime/control/event_about.h"

namespace switchyard::control {
namespace {

Answer refuse(std::string code, std::string reason) {
  return {false, std::move(code), std::move(reason), {}};
}

}  // namespace

void Controller::State::from_client(ConnectionId connection, Message& message) {
  if (auto* wish = std::get_if<Submit>(&message)) return submit(connection, *wish);
  if (const auto* command = std::get_if<Command>(&message)) return obey(connection, *command);
  if (const auto* wish = std::get_if<Place>(&message)) {
    outbox.send(connection, place(wish->plan));
    unsettled = true;
    return;
  }
  reject(connection, fmt::format("{} is not a message of a client", name_of(message)));
}

void Controller::State::submit(ConnectionId client, Submit& wish) {
  if (phase != RunPhase::kRunning) {
    return outbox.send(client, refuse("stopping", "the cluster is about to end"));
  }
  // A client whose controller has died sends again what it has no result of.
  wish.requests = ledger.unknown(std::move(wish.requests));
  for (NewRequest& each : wish.requests) each.regime = residency.rule_of(each.origin, each.regime);
  const Submit record = wish;
  const auto ids = ledger.submit(std::move(wish.requests), now);
  if (!ids) return outbox.send(client, refuse("too_many_requests", ids.error().message));
  if (!ids->empty()) outbox.journal({}, record);
  const nlohmann::json about = {{"first_request", ids->empty() ? 0 : ids->front().value()},
                                {"count", ids->size()}};
  outbox.send(client, Answer{true, "ok", {}, about.dump()});
  for (const RequestId id : *ids) {
    retries->request(now);
    const std::string regime = ledger.at(id).what.regime;
    if (residency.judge(regime) != Residency::Verdict::kForbidden) continue;
    end_request(id, fmt::format("residency_forbidden: the regime '{}' allows no region", regime));
  }
  requests_unsettled = true;
}

void Controller::State::obey(ConnectionId client, const Command& command) {
  Answer answer{true, "ok", {}, {}};
  switch (command.wish) {
    case Wish::kStatus: answer.status = status(); break;
    case Wish::kWatch: return watch(client);
    case Wish::kScale: answer = scale(command.amount); break;
    case Wish::kDrain: answer = drain(RankId(command.amount)); break;
    case Wish::kUndrain: answer = undrain(RankId(command.amount)); break;
    case Wish::kRebalance: answer = rebalance(); break;
    case Wish::kReplicas: answer = set_replicas(command.amount); break;
    case Wish::kEndNow: end_now(); break;
    case Wish::kShutdown: shut_down(); break;
    default: return reject(client, "an unknown wish");
  }
  const bool kept = command.wish == Wish::kScale || command.wish == Wish::kDrain ||
                    command.wish == Wish::kUndrain || command.wish == Wish::kReplicas ||
                    command.wish == Wish::kEndNow;
  if (answer.accepted && kept) {
    outbox.journal({}, command);
    tell_autoscaler(command);
  }
  if (answer.accepted && command.wish == Wish::kScale) {
    for (const RankId rank : leave_first) {
      outbox.journal(rank, Event{0, std::string(kDrainChosen), {}});
    }
  }
  outbox.send(client, std::move(answer));
  unsettled = true;
}

void Controller::State::watch(ConnectionId client) {
  outbox.watch(client);
  outbox.send(client, Answer{true, "ok", {}, status()});
  std::deque<WatchQueue::Item> past(ledger.done().begin(), ledger.done().end());
  for (std::size_t i = 0; i < departed.size(); ++i) past.emplace_back(i);
  watch_queue.watch(client, std::move(past));
}

void Controller::State::feed_watchers() {
  // What a message of these has beside its texts and payload, roughly.
  constexpr std::size_t kOverheadBytes = 64;
  for (const ConnectionId watcher : outbox.watchers()) {
    while (const auto item = watch_queue.next(watcher)) {
      auto message = telling(*item);
      if (!message) continue;
      std::size_t bytes = kOverheadBytes;
      if (const auto* done = std::get_if<RequestDone>(&*message)) {
        bytes += done->name.size() + done->error.size() + done->payload.size();
      } else if (const auto* left = std::get_if<RankLeft>(&*message)) {
        bytes += left->payload.size();
      }
      watch_queue.sent(watcher, bytes);
      outbox.send(watcher, *std::move(message));
    }
  }
}

std::optional<Message> Controller::State::telling(const WatchQueue::Item& item) {
  if (const auto* place = std::get_if<std::size_t>(&item)) return departed.at(*place);
  const RequestId id = std::get<RequestId>(item);
  if (ledger.find(id) == nullptr)
    return std::nullopt;  // another client has it, and room was needed
  Request& request = ledger.at(id);
  if (!request.delivered_at) request.delivered_at = now;
  return RequestDone{id, request.what.name, request.error, request.result};
}

Answer Controller::State::scale(std::uint32_t experts) {
  if (experts == 0) return refuse("invalid", "at least one expert rank");
  if (!busy().empty()) return refuse("busy", busy());
  const Roles held = Roles::of(*view);
  std::size_t reachable = held.experts.size();
  for (std::uint32_t r = 0; r < members.size(); ++r) {
    const RankId rank(r);
    const Slot& slot = members.at(rank);
    const bool routes_only = slot.kind == RankKind::kBoth && member(rank);
    if (held.experts.contains(rank) || !usable(rank) || !can_hold(slot.kind)) continue;
    if (!member(rank) || routes_only) ++reachable;
  }
  if (experts > reachable) {
    return refuse("too_few_ranks",
                  fmt::format("{} expert ranks asked for, {} can be had", experts, reachable));
  }
  // What the rules need stays; who may go depends on no earlier choice.
  const auto leave_before = std::exchange(leave_first, {});
  const auto target_before = std::exchange(target_experts, experts);
  std::size_t left = to_targets(held).experts.size();
  if (experts < held.experts.size() && left > experts) {
    // One by one it does not work; together it may.
    const std::vector<RankId> newest(held.experts.rbegin(), held.experts.rend());
    const auto chosen = leavers(newest, newest.size() - experts);
    left = newest.size() - chosen.size();
    leave_first = {chosen.begin(), chosen.end()};
  }
  if (experts < held.experts.size() && left > experts) {
    target_experts = target_before;
    leave_first = leave_before;
    return refuse("residency", fmt::format("{} expert ranks asked for, and the residency rules "
                                           "need {} of those that are there",
                                           experts, left));
  }
  outbox.event("scale_asked",
               fmt::format("from {} to {} expert ranks", held.experts.size(), experts));
  failed_changes = 0;
  scale_until = now + options.change_deadline;
  settle_scale();
  return {true, "ok", fmt::format("taken back where it is not done within {}", change_time()), {}};
}

Answer Controller::State::drain(RankId rank) {
  if (!members.has(rank) || !members.at(rank).alive()) {
    return refuse("unknown_rank", fmt::format("rank {} is not there", rank.value()));
  }
  if (!busy().empty()) return refuse("busy", busy());
  const Roles all = Roles::of(*view);
  Roles without = all;
  const bool routed = without.routers.erase(rank) > 0;
  const bool held = without.experts.erase(rank) > 0;
  if ((routed && without.routers.empty() && !find_spare(&can_route, {})) ||
      (held && without.experts.empty() && !find_spare(&can_hold, {}))) {
    return refuse("too_few_ranks", fmt::format("rank {} is the last of its role", rank.value()));
  }
  if (const auto broken = broken_rule(all, to_targets(without))) {
    return refuse("residency", fmt::format("without rank {} {}", rank.value(), *broken));
  }
  members.at(rank).cordoned = true;
  drains[rank] = now + options.change_deadline;
  send(rank, Drain{});
  outbox.event("drain_asked", fmt::format("rank {}", rank.value()), about_rank(rank));
  return {true,
          "ok",
          fmt::format("taken back, and the rank works again, where it is not done within {}",
                      change_time()),
          {}};
}

// Nothing that runs is in its way: a drain of it that is under way ends here.
Answer Controller::State::undrain(RankId rank) {
  if (!members.has(rank) || members.at(rank).state == SlotState::kEmpty) {
    return refuse("unknown_rank", fmt::format("rank {} has not been there", rank.value()));
  }
  if (!members.at(rank).cordoned) return {true, "ok", "it was not drained", {}};
  const bool under_way = drains.contains(rank);
  outbox.event("undrain_asked", fmt::format("rank {}", rank.value()), about_rank(rank));
  give_work_again(rank);
  return {true, "ok", under_way ? "its drain is taken back" : "it may be given work again", {}};
}

Answer Controller::State::rebalance() {
  if (!busy().empty()) return refuse("busy", busy());
  rebalance_wanted = true;
  rebalance_wanted_until = now + options.change_deadline;
  outbox.event("rebalance_asked", "by a client");
  note_begin(MovesFor::kLoad, "asked for by a client");
  return {true,
          "ok",
          fmt::format("given up where a batch of it is not done within {}", change_time()),
          {}};
}

// Why no change can be asked for now; empty: one can.
std::string Controller::State::busy() const {
  if (phase != RunPhase::kRunning) return "the cluster is about to end";
  if (!view) return "the cluster has not started";
  if (transaction) {
    return fmt::format("epoch {} is being prepared ({})", transaction->view->epoch.value(),
                       transaction->cause);
  }
  if (!dead_members(seats).empty()) return "a recovery is under way";
  if (lost_any()) return "ranks are coming back to the controller";
  for (const auto& each : view->members) {
    if (members.at(each.rank).cordoned) return fmt::format("rank {} drains", each.rank.value());
  }
  // Copies that deaths took come back behind everything that is asked for.
  if (rebalance_under_way && !restores_replicas()) {
    return fmt::format("experts are moving, {} of {} copies are there",
                       rebalance_under_way->batches.loads_done(),
                       rebalance_under_way->batches.loads());
  }
  if (rebalance_wanted) return "a rebalance is due";
  if (replica_change) {
    return fmt::format("the copies of each expert change from {} to {}", replica_change->from,
                       target_replicas);
  }
  if (scale_until) {
    return fmt::format("{} expert ranks are wanted and there are {}", target_experts,
                       Roles::of(*view).experts.size());
  }
  return "";
}

void Controller::State::end_now() {
  ending_now = true;
  outbox.event("ending_now", fmt::format("{} open requests end", ledger.open_count()));
  for (const auto& [id, request] : ledger.all()) {
    if (request.state == RequestState::kAssigned) {
      send(request.holder.rank, Cancel{id, CancelHow::kEndNow});
    }
  }
}

void Controller::State::shut_down() {
  if (phase != RunPhase::kRunning) return;
  phase = RunPhase::kLeaving;
  leave_by = now + options.leave_deadline;
  if (transaction) roll_back("the cluster ends");
  if (std::exchange(rebalance_wanted, false) || rebalance_under_way) {
    end_rebalance(MoveState::kAbandoned, "the cluster ends");
  }
  outbox.journal({}, Command{Wish::kShutdown, 0});
  outbox.event("leaving", "all ranks are told to leave");
  send_all(Leave{});
}

}  // namespace switchyard::control
