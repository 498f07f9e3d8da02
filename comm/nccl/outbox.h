// comm/nccl/outbox.h -- this rank's own lane: who is in it, and the messages that are on their way.
// It alone decides about its communicator, so no two ranks have to agree on anything: when a member
// is lost or the communicator fails, the next generation begins with those that are there, and what
// nobody has acknowledged is sent again. A message is done when its receiver has acknowledged it,
// because an aborted communicator may lose rows whose send had ended here.
// Thread safety: shared objects: unsafe (the rank's engine thread).
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "comm/nccl/fence.h"
#include "comm/nccl/head_post.h"
#include "comm/nccl/lane.h"
#include "comm/nccl/send_rows.h"
#include "comm/ticket_table.h"
#include "comm/worlds.h"
#include "runtime/base/device_queue.h"

namespace switchyard::comm::nccl {

struct OutboxOptions {
  RankId self;
  std::size_t ranks = 0;
  std::size_t sends_max = 0;
  NcclOptions nccl;
};

// The rank's GPU, and how many blocks of its kernels the lane may have (lane_blocks.h).
struct LaneGpu {
  int number = 0;
  std::uint8_t blocks = 1;
};

class Outbox {
 public:
  // is_lost: what the transport's owner says of a rank; any thread may change its mind.
  Outbox(const OutboxOptions& options, HeadPost& post, std::function<bool(RankId)> is_lost);

  struct Message {
    RankId to;
    Channel channel = Channel::kControl;
    Bytes head;
    Bytes rows;
    std::uint64_t sequence = 0;  // 0: not sent yet
    TimePoint sent{};
    bool done = false;
    RowsWritten written{};
  };
  // Nothing where all tickets are in flight. `queue`: rows are written when what is in it is done.
  // Errors: scope kDevice.
  [[nodiscard]] Result<std::optional<SendTicket>> add(const Message& message, DeviceQueue queue);
  [[nodiscard]] bool done(SendTicket ticket);
  // Own messages never travel: their receiver says when they are done.
  [[nodiscard]] Message& message(std::uint32_t slot) { return messages_[slot]; }

  // The GPU is known; the lane is made when there is something to send.
  // `rows`: what its messages may lie in, all of it by now.
  void open(Reaper& reaper, LaneGpu gpu, const SendRows& rows);
  void take_joined(RankId from, const LinkWord& word);
  void take_broken(RankId from, const LinkWord& word);
  void take_plain_only(RankId from, const LinkWord& word);
  void take_refused(const LinkWord& word);
  void take_ack(RankId from, const LinkWord& word);
  void take_fenced(RankId from, const LinkWord& word) { fence_.take_fenced(from, word); }
  // Another process has come to the slot: what was for the old one goes nowhere, what is added from
  // now on is for the new one.
  void replace(RankId rank);

  // Errors: kDeadline or kPeer with scope kCommunicator after too many generations without an
  // acknowledgement; scope kDevice.
  [[nodiscard]] Result<void> progress();
  [[nodiscard]] bool busy() const noexcept { return lane_ && lane_->busy(); }
  [[nodiscard]] bool idle() const noexcept;
  [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }
  void stop(Lane::Ending ending = Lane::Ending::kWhateverHappens);
  // Ends the lane, and what nobody has acknowledged goes nowhere; the next message begins anew.
  // begin_halt() tells the receivers before and pass_fence() goes on with that; halt() is at once.
  void begin_halt();
  [[nodiscard]] bool halting() const noexcept { return after_ == After::kHalt; }
  [[nodiscard]] Result<void> pass_fence();
  void halt();

 private:
  struct Peer {
    std::vector<std::uint32_t> unacked;  // slots, in the order of sending
    std::size_t transmitted = 0;         // of them, in this generation
    std::uint64_t sequence = 0;          // of the last one transmitted
    bool member = false;                 // of this generation
    bool invited = false;
    bool joined = false;
    bool replaced = false;
  };
  // How the next generation's communicator is made.
  enum class Next : std::uint8_t { kAnew, kOfTheRest };
  // What comes when nobody counts rows of the present communicator any more.
  enum class After : std::uint8_t { kNothing, kNextGeneration, kGivingUp, kHalt };
  [[nodiscard]] bool membership_changed() const;
  [[nodiscard]] Next next_way() const;
  // Its communicators register nothing from now on; the next generation is another kind.
  [[nodiscard]] Result<RowsWritten> point_in(DeviceQueue queue, std::uint32_t slot);
  void go_plain(const std::string& why);
  void end_generation(After after, Next way);
  void begin_generation(Next way);
  void invite();
  void abandon(Peer& peer);
  void finish_up_to(Peer& peer, std::uint64_t sequence);
  void transmit(Peer& peer);
  [[nodiscard]] std::optional<Error> overdue() const;
  [[nodiscard]] Result<void> try_again(Error why);
  [[nodiscard]] Result<void> clear_old();

  OutboxOptions options_;
  HeadPost& post_;
  std::function<bool(RankId)> is_lost_;
  SteadyClock clock_;
  TicketTable tickets_;
  std::vector<Message> messages_;         // by ticket slot
  std::vector<Event> written_;            // likewise; made when first used
  std::uint64_t points_ = 0;              // in the queue so far
  std::vector<Peer> peers_;               // [ranks]
  std::vector<std::uint32_t> abandoned_;  // done once the old communicator is gone
  std::optional<Lane> lane_;
  std::vector<std::byte> invitation_;
  Fence fence_;
  After after_ = After::kNothing;   // the fence
  Next way_ = Next::kOfTheRest;     // of the next generation, at best
  std::uint64_t generation_ = 0;    // 0: none yet
  std::uint64_t known_ = 0;         // the newest that a member knows of
  TimePoint begun_{};               // this generation
  std::size_t attempts_ = 0;        // generations that began for a failure since the last ack
  bool wanted_ = false;             // there was something to send
  bool halted_ = false;             // the next generation begins with the next message
  std::optional<Error> given_up_;   // nothing more is tried
  std::optional<Error> complaint_;  // a member's
  const SendRows* rows_ = nullptr;
  std::uint8_t blocks_ = 1;
  bool plain_ = false;        // communicators that register nothing
  bool turns_plain_ = false;  // and the present one does
};

}  // namespace switchyard::comm::nccl
