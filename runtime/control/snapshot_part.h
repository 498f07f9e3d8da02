// runtime/control/snapshot_part.h -- the controller's state as records at the front of a journal,
// in place of the history that led to it: a head, the slots, the open requests, the ended ones in
// the order of their ends, the last words of those that are gone. Counted in the head, so that a
// part that is missing is noticed. Not what a journal says after that (journal_record.h). Thread
// safety: plain values; functions without state.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/view.h"
#include "runtime/control/ledger.h"
#include "runtime/control/membership.h"
#include "runtime/control/messages.h"
#include "runtime/control/move_note.h"

namespace switchyard::control {

enum class RunPhase : std::uint8_t { kRunning, kLeaving, kStopped };

struct SnapshotHead {
  RunPhase phase = RunPhase::kRunning;
  bool ending_now = false;
  Epoch last_epoch;
  Epoch retired;
  std::uint32_t target_experts = 0;
  std::uint32_t target_routers = 0;
  std::uint32_t target_replicas = 1;
  std::uint32_t replicas_before = 0;  // while they change; else 0
  bool copies_owed = false;           // of a change to fewer that was taken back
  bool scaling = false;               // the expert ranks that were asked for are not there yet
  MoveNote last_move;
  std::uint32_t spawned = 0;
  std::optional<ModelFacts> model;
  std::shared_ptr<const placement::View> view;  // committed; null before the first
  std::vector<Holder> seats;
  RequestId next_request;
  std::uint32_t slots = 0;  // parts of each kind that follow
  std::uint32_t requests = 0;
  std::uint32_t departed = 0;
};

struct SnapshotSlot {
  Register life;  // the newest, with its incarnation
  SlotState state = SlotState::kEmpty;
  bool cordoned = false;
  bool awaited = false;       // a process is being started for it ...
  std::uint32_t spawn = 0;    // ... or was last: which of all
  bool leaves_first = false;  // an expert rank that the autoscaler chose to go
};

// Times and what was delivered are not kept: both begin anew with a controller that comes back.
struct SnapshotRequest {
  Request request;
};

struct SnapshotDeparted {
  RankLeft left;
};

using SnapshotPart = std::variant<SnapshotHead, SnapshotSlot, SnapshotRequest, SnapshotDeparted>;

[[nodiscard]] std::vector<std::byte> encode_part(const SnapshotPart& part);
// Whether the record is one of these and not a JournalRecord.
[[nodiscard]] bool is_snapshot_part(Bytes record);
// Errors: kBadInput for anything that encode_part() of this version did not write.
[[nodiscard]] Result<SnapshotPart> decode_part(Bytes record);

}  // namespace switchyard::control
