// The state as the front of a shorter journal (snapshot_part.h), and back.
#include <fmt/format.h>

#include "runtime/control/controller/state.h"

namespace switchyard::control {
namespace {

SnapshotRequest kept_of(const Request& request) {
  SnapshotRequest part{request};
  part.request.waiting_since = {};
  part.request.orphan_at.reset();
  part.request.delivered_at.reset();
  // The holder of one that waits or is done is of the past.
  if (request.state != RequestState::kAssigned) part.request.holder = {};
  return part;
}

}  // namespace

std::vector<std::vector<std::byte>> Controller::State::snapshot() const {
  SnapshotHead head;
  head.phase = phase;
  head.ending_now = ending_now;
  head.last_epoch = last_epoch;
  head.retired = retired;
  head.target_experts = target_experts;
  head.target_routers = target_routers;
  head.target_replicas = target_replicas;
  head.replicas_before = replica_change ? replica_change->from : 0;
  head.copies_owed = copies_owed;
  head.scaling = scale_until.has_value();
  head.last_move = last_move;
  head.spawned = spawned;
  head.model = model;
  head.view = view;
  head.next_request = RequestId(ledger.submitted());
  for (const auto& [rank, life] : seats) head.seats.push_back({rank, life});
  std::vector<std::vector<std::byte>> out(1);
  for (std::uint32_t r = 0; r < members.size(); ++r) {
    const Slot& slot = members.at(RankId(r));
    if (slot.state == SlotState::kEmpty) continue;
    // Whether a life has lost its connection is nothing that a new controller needs to know.
    const SlotState state = slot.alive() ? SlotState::kLive : slot.state;
    out.push_back(encode_part(SnapshotSlot{members.life_of(RankId(r)), state, slot.cordoned,
                                           slot.awaited_until.has_value(), slot.spawn,
                                           leave_first.contains(RankId(r))}));
    ++head.slots;
  }
  for (const auto& [id, request] : ledger.all()) {
    if (request.state != RequestState::kDone) out.push_back(encode_part(kept_of(request)));
  }
  for (const RequestId id : ledger.done()) out.push_back(encode_part(kept_of(*ledger.find(id))));
  head.requests = static_cast<std::uint32_t>(ledger.all().size());
  for (const RankLeft& left : departed) out.push_back(encode_part(SnapshotDeparted{left}));
  head.departed = static_cast<std::uint32_t>(departed.size());
  out.front() = encode_part(head);
  return out;
}

Result<std::size_t> Controller::State::restore(const std::vector<std::vector<std::byte>>& records) {
  if (records.empty() || !is_snapshot_part(records.front())) return std::size_t{0};
  SnapshotHead missing;
  std::size_t count = 0;
  for (; count < records.size() && is_snapshot_part(records[count]); ++count) {
    SY_ASSIGN(auto part, decode_part(records[count]));
    const auto* head = std::get_if<SnapshotHead>(&part);
    if ((count == 0) != (head != nullptr)) return fail(ErrorCode::kBadInput, "its head is astray");
    if (head != nullptr) {
      missing = *head;
      SY_TRY(restore(*head));
    } else if (const auto* slot = std::get_if<SnapshotSlot>(&part)) {
      --missing.slots;
      SY_TRY(restore(*slot));
    } else if (auto* request = std::get_if<SnapshotRequest>(&part)) {
      --missing.requests;
      SY_TRY(restore(*request));
    } else if (auto* gone = std::get_if<SnapshotDeparted>(&part)) {
      --missing.departed;
      departed.push_back(std::move(gone->left));
    }
  }
  if (missing.slots != 0 || missing.requests != 0 || missing.departed != 0) {
    return fail(ErrorCode::kBadInput, "not all of its parts are there");
  }
  return count;
}

Result<void> Controller::State::restore(const SnapshotHead& head) {
  phase = head.phase;
  ending_now = head.ending_now;
  last_epoch = head.last_epoch;
  retired = head.retired;
  target_experts = head.target_experts;
  target_routers = head.target_routers;
  target_replicas = head.target_replicas;
  const TimePoint until = now + options.change_deadline;
  if (head.replicas_before != 0) replica_change = ReplicaChange{head.replicas_before, until};
  copies_owed = head.copies_owed;
  if (head.scaling) scale_until = until;
  last_move = head.last_move;
  spawned = head.spawned;
  model = head.model;
  for (const Holder& seat : head.seats) seats[seat.rank] = seat.life;
  ledger.restore(head.next_request);
  if (head.view == nullptr) return {};
  for (const auto& each : head.view->members) {
    if (!members.has(each.rank)) return fail(ErrorCode::kBadInput, "a member is no slot");
  }
  view = head.view;
  evidence.begin_epoch(view->epoch, view->members.size());
  return {};
}

Result<void> Controller::State::restore(const SnapshotSlot& slot) {
  if (!members.has(slot.life.rank)) {
    return fail(ErrorCode::kBadInput, "rank {}", slot.life.rank.value());
  }
  members.restore(slot.life, slot.state, slot.cordoned, now);
  members.at(slot.life.rank).spawn = slot.spawn;
  if (slot.leaves_first) leave_first.insert(slot.life.rank);
  if (slot.awaited) members.at(slot.life.rank).awaited_until = now + options.spawn_deadline;
  return {};
}

Result<void> Controller::State::restore(SnapshotRequest& request) {
  return ledger.restore(std::move(request.request), now);
}

}  // namespace switchyard::control
