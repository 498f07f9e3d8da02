// comm/nccl/lane.h -- one rank's end of a lane: the communicator on which one rank sends its rows
// and all others only receive, with a stream of its own. Every call to NCCL is non-blocking; what
// is asked for is queued and poll() does it when the communicator is ready.
// Not who is a member (outbox.h) and not what the rows belong to (inbox.h).
// Thread safety: shared objects: unsafe (the rank's engine thread).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "comm/nccl/cuda_handles.h"
#include "comm/nccl/link_word.h"
#include "comm/nccl/reaper.h"

namespace switchyard::comm::nccl {

// When rows are there to be sent: a point of one queue, and its number among those.
struct RowsWritten {
  cudaEvent_t point = nullptr;  // null: they are there
  std::uint64_t number = 0;
};

class Lane {
 public:
  enum class State : std::uint8_t {
    kIdle,       // no communicator
    kShrinking,  // the next one is being made of what is left of the old one
    kClearing,   // the old one is being ended; what is next waits until it is gone
    kJoining,
    kReady,
    kBroken,  // failed; why() says how; restart() or stop() is next
  };

  // Whether all members end it together, with nothing under way.
  enum class Ending : std::uint8_t { kWhateverHappens, kInOrder };

  Lane(Reaper& reaper, int gpu) : reaper_(&reaper), gpu_(gpu) {}

  // All memory from which it sends or into which it receives where an invitation asks for
  // registered memory.
  void offer(std::vector<MutableBytes> memory) { memory_ = std::move(memory); }

  // Ends the present communicator, if any, and joins that of the invitation as member `self`.
  void restart(const Invitation& invitation, RankId self);
  // Whether restart_with_rest() is possible: the present communicator was ready once.
  [[nodiscard]] bool can_be_rest() const noexcept { return complete_ && comm_ != nullptr; }
  // The members of `rest` go on, those of the present communicator that are not in it are left out.
  // Otherwise as restart(); where it fails, the present one is ended too before the lane is broken.
  void restart_with_rest(const Invitation& rest, RankId self);
  // Ends the present communicator; transfers that were asked for are forgotten.
  void stop(Ending ending = Ending::kWhateverHappens);

  // Rows [bytes] of device memory that stay until completed() says so. Transfers with one peer are
  // matched in the order in which both sides ask for them; equal lengths.
  void send(const std::byte* rows, std::size_t bytes, RankId to, RowsWritten written = {});
  // Answers the number of this transfer.
  std::uint64_t receive(std::byte* rows, std::size_t bytes, RankId from);
  // Transfers asked for since the lane was made up to this number are over, or forgotten.
  [[nodiscard]] std::uint64_t completed() const noexcept { return completed_; }

  // Gets on with it. Errors: scope kDevice, when the GPU itself has failed; what happens to the
  // communicator is the state kBroken.
  [[nodiscard]] Result<void> poll();

  [[nodiscard]] State state() const noexcept { return state_; }
  // Transfers of an old communicator may still touch their memory.
  [[nodiscard]] bool clearing() const noexcept {
    return state_ == State::kClearing || state_ == State::kShrinking;
  }
  // Something of it is under way that nobody will ring for.
  [[nodiscard]] bool busy() const noexcept;
  [[nodiscard]] const Error& why() const noexcept { return why_; }
  // It broke because its memory cannot be registered.
  [[nodiscard]] bool plain_only() const noexcept { return plain_only_; }

 private:
  struct Transfer {
    std::byte* rows = nullptr;
    std::size_t bytes = 0;
    int peer = 0;
    bool sends = false;
  };
  // A group that is in the stream: its last transfer, and the event behind it.
  struct Group {
    std::uint64_t last = 0;
    Event over;
  };
  [[nodiscard]] int place_of(RankId rank) const;
  void forget_transfers();
  void end(ncclComm_t& comm, Registrations registrations = {});
  // The old communicator and what is being made of it.
  void end_shrinking();
  [[nodiscard]] Result<void> become_ready();
  [[nodiscard]] Result<void> next_of_shrinking();
  [[nodiscard]] Result<void> next_of_clearing();
  [[nodiscard]] Result<void> join();
  [[nodiscard]] static Result<bool> settled(ncclComm_t comm, std::string_view what);
  [[nodiscard]] Result<void> advance();
  [[nodiscard]] Result<void> launch();
  [[nodiscard]] Result<void> mark_group();
  [[nodiscard]] Result<void> collect();

  Reaper* reaper_;
  int gpu_;
  State state_ = State::kIdle;
  Invitation invitation_;  // to the communicator that is joined or about to be
  RankId self_;
  ncclComm_t comm_ = nullptr;
  bool complete_ = false;  // comm_ was ready once
  // kShrinking: what the next one is made of, and where NCCL puts that when it is there, from a
  // thread of its own, so it may outlive the lane. Until then the old one is asked how far it is.
  ncclComm_t parent_ = nullptr;
  std::shared_ptr<ncclComm_t> rest_;
  std::vector<MutableBytes> memory_;
  Registrations registrations_;  // with comm_
  bool plain_only_ = false;
  std::vector<Reaper::Gone> gone_;        // those before
  std::optional<Error> failed_;           // kClearing: broken is next
  std::shared_ptr<const Stream> stream_;  // made with the first communicator
  std::vector<Transfer> queued_;
  RowsWritten written_;        // all of queued_: the last of theirs
  bool launching_ = false;     // a group is not in the stream yet
  std::vector<Group> groups_;  // in the stream, oldest first
  std::vector<Event> events_;  // free
  std::uint64_t asked_ = 0;
  std::uint64_t launched_ = 0;
  std::uint64_t completed_ = 0;
  Error why_;
};

}  // namespace switchyard::comm::nccl
