// A controller that comes back: the journal tells what it had decided.
#include <fmt/format.h>

#include "runtime/control/codec.h"
#include "runtime/control/controller/state.h"

namespace switchyard::control {

Result<void> Controller::State::replay(const JournalRecord& record) {
  const RankId rank = record.rank;
  if (!members.has(rank)) return fail(ErrorCode::kBadInput, "rank {}", rank.value());
  if (const auto* seated = std::get_if<Register>(&record.message)) {
    if (!model) model = seated->model;
    Register known = *seated;
    known.epoch = {};  // what it follows it says when it is back
    const Incarnation life = members.seat(known, {}, now);
    if (life != seated->incarnation) {
      return fail(ErrorCode::kBadInput, "rank {}: life {} after life {}", rank.value(),
                  seated->incarnation.value(), life.value() - 1);
    }
    count_new_life(rank);
  } else if (std::holds_alternative<RankLeft>(record.message) ||
             std::holds_alternative<Goodbye>(record.message)) {
    const auto* words = std::get_if<Goodbye>(&record.message);
    const Holder who{rank, members.at(rank).incarnation};
    members.end(rank, words != nullptr ? SlotState::kLeft : SlotState::kDead, now);
    departed.push_back(words != nullptr ? RankLeft{rank, words->payload, {}}
                                        : std::get<RankLeft>(record.message));
    for (const RequestId id : ledger.held_by(who)) ledger.release(id, now);
  } else if (const auto* prepare = std::get_if<Prepare>(&record.message)) {
    last_epoch = std::max(last_epoch, prepare->view->epoch);
  } else if (const auto* committed = std::get_if<Commit>(&record.message)) {
    for (const auto& each : committed->view->members) {
      if (!members.has(each.rank)) return fail(ErrorCode::kBadInput, "a member is no slot");
    }
    follow(committed->view, seats_of(*committed->view));
  } else if (const auto* retire = std::get_if<Retire>(&record.message)) {
    retired = retire->oldest;
  } else if (const auto* event = std::get_if<Event>(&record.message)) {
    replay_event(rank, *event);
  } else if (const auto* command = std::get_if<Command>(&record.message)) {
    replay_command(*command);
  } else {
    return replay_request(record);
  }
  return {};
}

void Controller::State::replay_event(RankId rank, const Event& event) {
  if (event.kind == kDrainTakenBack) members.at(rank).cordoned = false;
  if (event.kind == kReplicasDone) {
    replica_change.reset();
    copies_owed = false;
  }
  if (event.kind == kReplicasTakenBack) {
    copies_owed = copies_owed || event.number > target_replicas;
    target_replicas = static_cast<std::uint32_t>(event.number);
    replica_change.reset();
  }
  if (event.kind == kWishGivenUp) {
    target_experts = static_cast<std::uint32_t>(event.number >> 32);
    target_routers = static_cast<std::uint32_t>(event.number);
    scale_until.reset();
    leave_first.clear();
  }
  if (event.kind == kMovesBegun && event.number <= static_cast<std::uint64_t>(MovesFor::kPlan)) {
    last_move = {MoveState::kUnderWay, static_cast<MovesFor>(event.number), event.text};
  }
  if (event.kind == kMovesEnded &&
      event.number <= static_cast<std::uint64_t>(MoveState::kAbandoned)) {
    last_move.state = static_cast<MoveState>(event.number);
    last_move.text = event.text;
  }
  if (event.kind == kRequestTakenBack) {
    const RequestId id(static_cast<std::uint32_t>(event.number));
    const Request* request = ledger.find(id);
    if (request != nullptr && request->state == RequestState::kAssigned) ledger.release(id, now);
  }
  if (event.kind == kEpochHeardOf) {
    last_epoch = std::max(last_epoch, Epoch(static_cast<std::uint32_t>(event.number)));
  }
  if (event.kind == kSpawnEvent) expect_process(rank);
  if (event.kind == kSpawnFailed) members.at(rank).awaited_until.reset();
  if (event.kind == kDrainChosen) leave_first.insert(rank);
}

void Controller::State::replay_command(const Command& command) {
  if (command.wish == Wish::kScale) {
    target_experts = command.amount;
    scale_until = now + options.change_deadline;
    settle_scale();
    leave_first.clear();
  }
  if (command.wish == Wish::kReplicas && command.amount != target_replicas) {
    begin_replicas(command.amount);
  }
  if (command.wish == Wish::kDrain && members.has(RankId(command.amount))) {
    members.at(RankId(command.amount)).cordoned = true;
  }
  if (command.wish == Wish::kUndrain && members.has(RankId(command.amount))) {
    members.at(RankId(command.amount)).cordoned = false;
  }
  if (command.wish == Wish::kEndNow) ending_now = true;
  if (command.wish == Wish::kShutdown) phase = RunPhase::kLeaving;
}

Result<void> Controller::State::replay_request(const JournalRecord& record) {
  const Holder who{record.rank, members.at(record.rank).incarnation};
  const auto known = [&](RequestId id, RequestState state) {
    const Request* request = ledger.find(id);
    return request != nullptr && request->state == state;
  };
  if (const auto* submit = std::get_if<Submit>(&record.message)) {
    return ledger.submit_again(submit->requests, now);
  }
  if (const auto* assign = std::get_if<Assign>(&record.message)) {
    if (known(assign->id, RequestState::kWaiting) &&
        ledger.assign(assign->id, who) == assign->attempt) {
      return {};
    }
  } else if (const auto* word = std::get_if<Progress>(&record.message)) {
    if (ledger.progress(who, *word) == WordOutcome::kTaken) return {};
  } else if (const auto* last = std::get_if<Finished>(&record.message)) {
    if (ledger.finish(who, *last) == WordOutcome::kTaken) return {};
  } else if (const auto* cancel = std::get_if<Cancel>(&record.message)) {
    if (known(cancel->id, RequestState::kAssigned)) {
      ledger.release(cancel->id, now);
      ++ledger.at(cancel->id).failures;
      return {};
    }
  } else if (const auto* done = std::get_if<RequestDone>(&record.message)) {
    if (ledger.find(done->id) != nullptr && !known(done->id, RequestState::kDone)) {
      ledger.fail(done->id, done->error, done->payload);
      return {};
    }
  }
  return fail(ErrorCode::kBadInput, "a {} that does not follow from what is before it",
              name_of(record.message));
}

// Every life that went on when the journal ended may come back until the window is over.
void Controller::State::expect_rejoin() {
  for (std::uint32_t r = 0; r < members.size(); ++r) {
    if (members.at(RankId(r)).alive()) members.lose(RankId(r), now + options.rejoin_window, now);
  }
  const TimePoint until = now + options.change_deadline;
  for (std::uint32_t r = 0; r < members.size(); ++r) {
    const bool in_view = view && view->find(RankId(r)) != nullptr;
    if (members.at(RankId(r)).cordoned && in_view) drains[RankId(r)] = until;
  }
  rejoin = {model.has_value(), true, now + options.rejoin_window};
  if (scale_until) scale_until = now + scale_time();
  if (replica_change) replica_change->until = until;
  started = router_seen = loaders_seen = whole_since = now;
  if (phase == RunPhase::kLeaving) leave_by = now + options.leave_deadline;
  abandon_moves();
  unsettled = true;
}

// The loads that a rebalance went by are gone with the old controller, and a plan is its client's
// to send again: what was accepted is not taken up, and everybody is told so.
void Controller::State::abandon_moves() {
  if (last_move.state != MoveState::kUnderWay) return;
  const std::string text = fmt::format(
      "the controller came back before it was done ({}); copies that have moved stay, the rest is "
      "where it was: ask again",
      last_move.text);
  outbox.event("rebalance_abandoned", text);
  note_end(MoveState::kAbandoned, text);
}

}  // namespace switchyard::control
