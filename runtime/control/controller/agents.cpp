// What agents say. Nothing is believed that cannot be: a wrong message costs its sender the
// connection and nobody else anything.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "runtime/base/utf8.h"
#include "runtime/control/codec.h"
#include "runtime/control/controller/state.h"
#include "runtime/control/event_about.h"

namespace switchyard::control {

void Controller::State::from_agent(ConnectionId connection, Message& message) {
  const auto& agent = peers.at(connection).agent;
  if (const auto* asks = std::get_if<Register>(&message)) {
    if (agent) return reject(connection, "registered twice on one connection");
    return register_agent(connection, *asks);
  }
  if (!agent) return reject(connection, fmt::format("{} before register", name_of(message)));
  const Holder from = *agent;
  // Whatever it says: heartbeats may queue behind the rest of what is on its connection.
  members.heard(from.rank, now);
  const Complaint complaint = std::visit(
      [&](auto& said) -> Complaint {
        if constexpr (requires { take(from, said); }) {
          return take(from, said);
        } else {
          return "not a message of an agent";
        }
      },
      message);
  if (!complaint) return;
  reject(connection,
         fmt::format("rank {}: {}: {}", from.rank.value(), name_of(message), *complaint));
}

Controller::State::Complaint Controller::State::complaint_about(const Register& asks) const {
  if (asks.model.moe_layers == 0 || asks.model.experts == 0) return "a model without experts";
  if (model &&
      (asks.model.moe_layers != model->moe_layers || asks.model.experts != model->experts ||
       asks.model.fingerprint != model->fingerprint)) {
    return fmt::format("its model is '{}', the cluster's is '{}'", asks.model.fingerprint,
                       model->fingerprint);
  }
  const bool goes_on = asks.incarnation != Incarnation();
  if (goes_on ? !may_have_been_made(asks.epoch) : asks.epoch > last_epoch) {
    return fmt::format("follows epoch {}, which was never made", asks.epoch.value());
  }
  return fixed_region(asks);
}

void Controller::State::register_agent(ConnectionId connection, const Register& asks) {
  const auto entry = members.judge(asks);
  Complaint refused = entry ? complaint_about(asks) : Complaint(entry.error().message);
  if (refused) {
    outbox.event("rank_refused", fmt::format("rank {}: {}", asks.rank.value(), *refused),
                 about_rank(asks.rank));
    outbox.send(connection, Refused{*refused});
    outbox.close(connection, *refused);
    return on(Disconnected{connection, *refused});
  }
  unsettled = true;
  if (!model) model = asks.model;
  if (*entry == Membership::Entry::kResumed) {
    const ConnectionId old = members.at(asks.rank).connection;
    if (old != ConnectionId()) {
      outbox.close(old, "its rank has come over a new connection");
      peers.erase(old);
    }
    hear_of(asks.rank, asks.epoch);
    members.resume(asks, connection, now);
    const Holder who{asks.rank, asks.incarnation};
    peers[connection].agent = who;
    return welcome_back(who, asks);
  }
  if (*entry == Membership::Entry::kReplacing) {
    declare_dead(asks.rank, "another process came to its slot");
  }
  const Incarnation life = members.seat(asks, connection, now);
  totals.begin_life(asks.rank);
  peers[connection].agent = Holder{asks.rank, life};
  Register seated = asks;
  seated.incarnation = life;
  seated.held.clear();
  outbox.journal(asks.rank, seated);
  count_new_life(asks.rank);
  outbox.send(connection, Welcome{life, members.size(), view_for(asks.rank)});
  if (phase == RunPhase::kLeaving) outbox.send(connection, Leave{});
  outbox.event("rank_joined",
               fmt::format("rank {} life {}: {} on {} {} pid {}", asks.rank.value(), life.value(),
                           to_string(asks.kind), asks.host, asks.region, asks.pid),
               about_rank(asks.rank));
}

// A view that names the slot for a life that is over is nothing that the new one could follow; one
// that is older than what the rank follows, neither.
std::shared_ptr<const placement::View> Controller::State::view_for(RankId rank) const {
  const bool of_a_dead_life = seats.contains(rank) && !member(rank);
  return of_a_dead_life || follows_unknown(rank) ? nullptr : view;
}

// A life goes on after its connection (or the controller) was gone. What was sent meanwhile may be
// lost in either direction, so everything that still matters is said again; nothing of it harms
// when it comes twice.
void Controller::State::welcome_back(const Holder& who, const Register& asks) {
  send(who.rank, Welcome{who.life, members.size(), view_for(who.rank)});
  const Epoch committed = view ? view->epoch : Epoch();
  if (last_epoch > committed && !rejoin.under_way && undone(last_epoch) &&
      !(transaction && transaction->view->epoch == last_epoch)) {
    send(who.rank, Rollback{last_epoch, "was not committed"});
  }
  if (transaction && transaction->waiting.contains(who.rank)) {
    send(who.rank, Prepare{transaction->view});
  }
  if (retired > Epoch()) send(who.rank, Retire{retired});
  send(who.rank, members.at(who.rank).cordoned ? Message(Drain{}) : Message(Undrain{}));
  if (phase == RunPhase::kLeaving) send(who.rank, Leave{});
  for (const HeldRequest& held : asks.held) {
    const Progress word{held.id, held.attempt, 0, held.tokens};
    if (ledger.progress(who, word) == WordOutcome::kTaken) outbox.journal(who.rank, word);
  }
  const auto forget = ledger.reconcile(who, asks.held, now + options.orphan_grace);
  if (!forget) return reject(members.at(who.rank).connection, forget.error().message);
  for (const RequestId id : *forget) send(who.rank, Cancel{id, CancelHow::kForget});
  if (ending_now) {
    for (const RequestId id : ledger.held_by(who)) send(who.rank, Cancel{id, CancelHow::kEndNow});
  }
  outbox.event("rank_resumed",
               fmt::format("rank {} life {} is back with {} requests", who.rank.value(),
                           who.life.value(), asks.held.size()),
               about_rank(who.rank));
}

Controller::State::Complaint Controller::State::take(const Holder& from, const Heartbeat& beat) {
  if (!may_have_been_made(beat.epoch)) {
    return fmt::format("epoch {} was never made", beat.epoch.value());
  }
  hear_of(from.rank, beat.epoch);
  note_loading(from.rank, beat);
  members.heartbeat(from.rank, beat, ledger.open_count(from.rank), now);
  note_computing(from.rank, beat);
  return std::nullopt;
}

Controller::State::Complaint Controller::State::take(const Holder& from, LoadReport& report) {
  for (const double number : {report.seconds, report.busy_share, report.serve_seconds,
                              report.queue_delay_us_p95, report.step_us_p50, report.step_us_p95,
                              report.cpu_share, report.cpu_busy_share, report.memory_share}) {
    if (!std::isfinite(number) || number < 0) return "a number that is no load";
  }
  const std::size_t pairs = std::size_t{model->moe_layers} * model->experts;
  if (!report.expert_pairs.empty() && report.expert_pairs.size() != pairs) {
    return fmt::format("{} expert loads, expected {}", report.expert_pairs.size(), pairs);
  }
  for (const auto* list : {&report.wait_us_by_peer, &report.bytes_by_peer}) {
    if (!list->empty() && list->size() != members.size()) {
      return fmt::format("{} peers, expected {}", list->size(), members.size());
    }
  }
  const std::size_t trips = report.round_trip_us_by_peer.size();
  if (trips != 0 && trips != members.size()) {
    return fmt::format("{} round trips, expected {}", trips, members.size());
  }
  totals.add(from.rank, report);
  window.add(from.rank, report, now);
  slow_ranks.add(from.rank, report, now);
  Slot& slot = members.at(from.rank);
  slot.load = std::move(report);
  slot.load_at = now;
  slot.computed = Duration::zero();
  return std::nullopt;
}

Controller::State::Complaint Controller::State::take(const Holder& from, const Evidence& seen) {
  if (!may_have_been_made(seen.epoch)) {
    return fmt::format("epoch {} was never made", seen.epoch.value());
  }
  hear_of(from.rank, seen.epoch);
  for (const RankId silent : seen.silent) {
    if (!members.has(silent)) return fmt::format("rank {} is no slot", silent.value());
  }
  for (const RankId silent : seen.silent) {
    const auto taken = evidence.report({from.rank, silent, seen.epoch}, now);
    if (!taken && taken.error().code == ErrorCode::kBadInput) return taken.error().message;
  }
  return std::nullopt;
}

Controller::State::Complaint Controller::State::take(const Holder& from, const Prepared& said) {
  if (!may_have_been_made(said.epoch)) {
    return fmt::format("epoch {} was never made", said.epoch.value());
  }
  hear_of(from.rank, said.epoch);
  if (!transaction || transaction->view->epoch != said.epoch) return std::nullopt;  // an old one
  const auto seat = transaction->seats.find(from.rank);
  if (seat == transaction->seats.end() || seat->second != from.life) return std::nullopt;
  unsettled = true;
  if (!said.error.empty()) {
    members.failed_to_prepare(from.rank, options.prepare_deadline, now);
    if (transaction->occasion == Occasion::kPlanned && !batch_under_way() && !worth_another_try()) {
      give_up_wish();
    }
    roll_back(fmt::format("rank {} could not prepare: {}", from.rank.value(), said.error));
    return std::nullopt;
  }
  transaction->waiting.erase(from.rank);
  members.at(from.rank).failed_prepares = 0;
  if (const auto copies = transaction->loading.find(from.rank);
      copies != transaction->loading.end()) {
    balancer.measured_load(
        static_cast<double>(copies->second) * static_cast<double>(model->expert_bytes),
        now - transaction->since);
    transaction->loading.erase(copies);  // once, however often it is said
  }
  return std::nullopt;
}

Controller::State::Complaint Controller::State::take(const Holder& from, const Adopted& said) {
  Slot& slot = members.at(from.rank);
  if (said.epoch > std::max(slot.epoch, view ? view->epoch : Epoch())) {
    return fmt::format("epoch {} was never committed", said.epoch.value());
  }
  slot.adopted = std::max(slot.adopted, said.epoch);
  unsettled = true;
  return std::nullopt;
}

Controller::State::Complaint Controller::State::take(const Holder& from, const Progress& word) {
  switch (ledger.progress(from, word)) {
    case WordOutcome::kTaken: outbox.journal(from.rank, word); break;
    case WordOutcome::kStale: break;
    case WordOutcome::kForeign:
      return fmt::format("request {} attempt {} is not its own", word.id.value(), word.attempt);
    case WordOutcome::kGap: release(word.id, "its router left out tokens"); break;
    case WordOutcome::kDiffers:
      outbox.event("tokens_differ",
                   fmt::format("request {}: rank {} generates other tokens than an earlier attempt",
                               word.id.value(), from.rank.value()),
                   about_request(ledger.at(word.id), from.rank));
      release(word.id, "its router generated other tokens than an earlier attempt");
      break;
  }
  return std::nullopt;
}

Controller::State::Complaint Controller::State::take(const Holder& from, Finished& word) {
  if (release_refused(from, word)) return std::nullopt;
  const RequestId id = word.id;
  const Finished record = word;
  const bool failed = !record.error.empty();
  switch (ledger.finish(from, std::move(word))) {
    case WordOutcome::kTaken:
      outbox.journal(from.rank, record);
      request_left(from.rank);
      outbox.note(failed ? "request_failed" : "request_done",
                  fmt::format("request {} on rank {}{}{}", id.value(), from.rank.value(),
                              failed ? ": " : "", record.error),
                  about_request(ledger.at(id), from.rank));
      watch_queue.add(id);
      break;
    case WordOutcome::kForeign:
      return fmt::format("request {} attempt {} is not its own", id.value(), record.attempt);
    default: break;
  }
  return std::nullopt;
}

// What a rank may add to the events: of its breakers, and under no name of the controller's own.
Controller::State::Complaint Controller::State::take(const Holder& from, const Event& told) {
  constexpr std::array<std::string_view, 3> kKinds = {"breaker_opened", "breaker_probing",
                                                      "breaker_closed"};
  constexpr std::size_t kTextMax = 400;
  if (std::ranges::find(kKinds, told.kind) == kKinds.end()) {
    return fmt::format("an event of the kind '{}'", front_of_utf8(told.kind, 40));
  }
  if (members.has(told.about.rank)) breakers[{from.rank, told.about.rank}] = told.kind;
  outbox.event(
      told.kind,
      fmt::format("rank {} of its peer {}", from.rank.value(), front_of_utf8(told.text, kTextMax)),
      about_rank(from.rank));
  return std::nullopt;
}

Controller::State::Complaint Controller::State::take(const Holder& from, const Goodbye& said) {
  leave(from.rank, said);
  return std::nullopt;
}

}  // namespace switchyard::control
