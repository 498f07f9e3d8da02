// runtime/control/journal_record.h -- one line of the controller's journal: a message and the rank
// that it concerns, in the format of the wire (codec.h), so that there is one format to test.
// What is recorded: Register (a life was seated), RankLeft (it died), Goodbye, Prepare (the epoch
// is taken), Commit, Retire, Submit, Assign (without tokens and payload), Progress, Finished,
// Cancel (back to waiting), RequestDone (ended by the controller), Command, and these Events
// (controller/journal_events.h has their names; what people are told is the log's):
// - epoch_heard_of: a rank follows a view that is not in the journal
// - wish_given_up: the targets from then on
// - rank_spawn, spawn_failed: a process was asked for; it is waited for no more
// - drain_chosen: the rank is one of those that the scaling before it sends away
// - drain_taken_back: the rank works again
// - request_taken_back: its router had not begun it, and another is to have it
// - replicas_done, replicas_taken_back: every expert has the copies that are wanted, or the number
//   before is wanted again
// - moves_begun, moves_ended: a rebalance or a client's plan was accepted; how it ended
// In front of them there may be a snapshot (snapshot_part.h). Not the file (runtime/net). Thread
// safety: functions without state.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/view.h"
#include "runtime/control/messages.h"

namespace switchyard::control {

struct JournalRecord {
  RankId rank;
  Message message;
};

[[nodiscard]] std::vector<std::byte> encode_record(const JournalRecord& record);
// Errors: kBadInput for anything that encode_record() did not write.
[[nodiscard]] Result<JournalRecord> decode_record(Bytes record);

}  // namespace switchyard::control
