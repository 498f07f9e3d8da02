// runtime/moe/expert_server.h -- serves the experts of this rank: gathers what routers sent for one
// layer, groups rows by expert, runs the grouped FFN and answers each router.
// Every router has as many inboxes as it has micro-batches in flight, so memory is bounded and rows
// are received in place. The rank's own router (colocated) has inboxes like any other, but no
// message: the rows stay where they are, and are copied only to share a batch with others' rows.
// Thread safety: shared objects: unsafe (the rank's engine thread only).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "comm/transport.h"
#include "kernels/device.h"
#include "runtime/base/buffer.h"
#include "runtime/base/clock.h"
#include "runtime/base/timeline.h"
#include "runtime/base/work_mark.h"
#include "runtime/moe/counters.h"
#include "runtime/moe/expert_store.h"
#include "runtime/moe/message_memory.h"
#include "runtime/moe/wire.h"

namespace switchyard::moe {

struct ExpertServerOptions {
  WireShape shape;
  std::vector<RankId> routers;  // who may send, ascending
  Epoch oldest_epoch;           // dispatches of an older epoch are refused
  // 1 where views never change. More where a dispatch may be replayed under a newer view while the
  // answer to the old one is still on its way: three survive two changes in a row.
  std::size_t inboxes_per_micro_batch = 1;
  Duration gather_window{200'000};            // how long a dispatch waits for other routers' rows
  Duration router_active_window{50'000'000};  // a router silent for longer is not waited for
  Duration send_deadline{30'000'000'000};     // for an inbox to come free when its answer has left
  Duration lost_wait{1'000'000'000};          // the same, when the rest of what was lost has come
  Timeline* timeline = nullptr;               // where to note batches and jobs; null: nowhere
  // Where to say how many dispatches wait or are being served, for another thread to see when this
  // one has come to a stop; null: nowhere.
  std::atomic<std::uint32_t>* open_jobs = nullptr;
  WorkMark* computing = nullptr;  // set while a batch runs; null: nobody wants to know
};

class ExpertServer {
 public:
  // All references outlive the server. Errors: kLimit where the device has not so much wire memory.
  [[nodiscard]] static Result<std::unique_ptr<ExpertServer>> create(
      ExpertServerOptions options, kernels::Device& device, const ExpertStore& store,
      comm::Transport& transport, const Clock& clock, Counters& counters);

  // The rank's own router. x: operand rows; row r of the dispatch is x.row(rows[r]). All of it
  // stays unchanged until the answer is there or the dispatch is withdrawn.
  struct OwnRows {
    Rows x;
    std::span<const std::uint32_t> rows;
  };
  [[nodiscard]] Result<void> accept_own(const Dispatch& dispatch, const OwnRows& own);
  // The answer rows of the own dispatch once it was served: [pairs, d]; valid until the next
  // accept_own() of that micro-batch.
  [[nodiscard]] std::optional<Rows> own_answer(std::size_t micro_batch) const;
  // The own router asks again elsewhere: what waits of that micro-batch is not served any more.
  void withdraw_own(std::size_t micro_batch);

  // Receives waiting dispatches and runs a batch that is ready. True when it did anything.
  // Blocks: for the FFN it runs, unless the transport follows the device's queue. Errors: kPeer
  // (malformed or misplaced dispatch), kDeadline.
  [[nodiscard]] Result<bool> progress();

  // Dispatches of older epochs are refused from now on.
  void set_oldest_epoch(Epoch oldest);

  // True when nothing waits to be served and every answer has left.
  [[nodiscard]] Result<bool> idle();

 private:
  ExpertServer(ExpertServerOptions options, kernels::Device& device, const ExpertStore& store,
               comm::Transport& transport, const Clock& clock, Counters& counters);

  // One dispatch and its answer; indexes [router * inboxes_per_router_ + i]. kLost: its router died
  // or was stopped while it sent; empty again once the transport writes to it no more.
  struct Inbox {
    enum class State { kEmpty, kWaiting, kServed, kLost } state = State::kEmpty;
    Dispatch dispatch;
    OwnRows own;                // of the own router; empty for others
    std::size_t first_row = 0;  // of its rows in x_
    TimePoint arrived{};
    std::optional<comm::SendTicket> sending;
    const std::byte* half_received = nullptr;  // kLost: where the transport may still write
  };

  [[nodiscard]] std::optional<std::size_t> router_index(RankId rank) const;
  [[nodiscard]] Result<std::optional<std::size_t>> free_inbox(std::size_t router);
  [[nodiscard]] std::span<Inbox> inboxes_of(std::size_t router);
  [[nodiscard]] std::size_t own_index(std::size_t micro_batch) const;
  [[nodiscard]] Result<bool> set_free(std::size_t inbox);
  [[nodiscard]] Error no_inbox(RankId router, std::size_t lost) const;
  void supersede(std::size_t inbox);
  void note_open_jobs() const;
  [[nodiscard]] std::size_t first_answer_row(std::size_t inbox) const;
  [[nodiscard]] Rows answer_rows(std::size_t inbox) const;
  [[nodiscard]] Result<bool> receive_one();
  [[nodiscard]] Result<void> accept(std::size_t inbox, Bytes message, std::size_t row_bytes);
  [[nodiscard]] Result<void> enqueue(std::size_t inbox, const Dispatch& dispatch);
  [[nodiscard]] std::optional<Answer> refusal(const Dispatch& dispatch) const;
  [[nodiscard]] Result<void> post(std::size_t inbox, const Answer& answer);
  [[nodiscard]] std::optional<std::uint32_t> ready_layer() const;
  [[nodiscard]] Result<void> serve(std::uint32_t layer);
  void group_pairs(std::uint32_t layer, const Inbox* in_place);
  [[nodiscard]] Rows gathered_rows();
  [[nodiscard]] Result<void> end_batch(TimePoint start);
  [[nodiscard]] Result<void> note_busy();
  void note_batch(TimePoint start);
  [[nodiscard]] bool is_own(std::size_t inbox) const;

  ExpertServerOptions options_;
  kernels::Device& device_;
  const ExpertStore& store_;
  comm::Transport& transport_;
  const Clock& clock_;
  Counters& counters_;
  std::optional<std::size_t> own_router_;
  std::size_t inboxes_per_router_ = 0;
  std::optional<Deadline> blocked_until_;  // a dispatch has no inbox: until when that may last
  MessageBytes inbox_room_;                // of one dispatch in x_
  MessageBytes outbox_room_;               // of one answer in y_
  std::vector<Inbox> inboxes_;
  std::vector<TimePoint> last_seen_;         // [routers]
  MessageMemory x_;                          // a room for each inbox; operand rows
  MessageMemory y_;                          // a room for each inbox; answer rows
  std::vector<std::uint32_t> expert_begin_;  // [E + 1] counting sort of the batch
  std::vector<std::uint32_t> pair_row_;
  std::vector<std::uint32_t> pair_out_;
  std::vector<kernels::ExpertGroup> groups_;
  std::vector<std::size_t> batch_;  // inboxes of the batch being served
  struct Running {
    TimePoint start{};
    std::uint64_t mark = 0;  // of the device
  };
  std::vector<Running> running_;  // oldest first
  TimePoint busy_until_ = TimePoint::min();
};

}  // namespace switchyard::moe
