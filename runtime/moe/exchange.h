// runtime/moe/exchange.h -- the router's side of one micro-batch's exchange: sends the dispatches
// of a plan, takes the answers and combines them in slot order. The dispatch inputs stay with the
// caller until the combine is done (law 3), so that an exchange can be withdrawn and begun again
// under another view. Not the plan
// (dispatch_plan.h) and not the serving (expert_server.h). Thread safety: shared objects: unsafe
// (the rank's engine thread only).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "comm/transport.h"
#include "kernels/device.h"
#include "runtime/base/buffer.h"
#include "runtime/base/timeline.h"
#include "runtime/moe/counters.h"
#include "runtime/moe/dispatch_plan.h"
#include "runtime/moe/expert_server.h"
#include "runtime/moe/message_memory.h"
#include "runtime/moe/wire.h"
#include "runtime/placement/view.h"
#include "runtime/routing/selection.h"

namespace switchyard::moe {

// What a lost or refusing peer means: the end, or a replay under the next view.
enum class PeerLoss : std::uint8_t { kFatal, kReplay };

// Memory that a transport may still read or write: kept until its sends are done, which for a dead
// peer is never.
struct InFlight {
  MessageMemory memory;
  std::vector<comm::SendTicket> sends;
};

// What both sides of every exchange of a router share.
struct ExchangeShape {
  WireShape wire;
  std::size_t expert_ranks = 0;  // destinations of one exchange at most
  std::size_t rows_max = 0;      // rows over all destinations
  std::size_t slots_max = 0;     // pairs over all destinations
  PeerLoss peer_loss = PeerLoss::kFatal;
  Timeline* timeline = nullptr;
};

class Exchange {
 public:
  // `server` is the rank's own expert server, or nullptr where it holds no experts. References
  // outlive the exchange. Errors: kLimit where the device has not so much wire memory.
  [[nodiscard]] static Result<Exchange> create(const ExchangeShape& shape, kernels::Device& device,
                                               comm::Transport& transport, ExpertServer* server,
                                               Counters& counters);

  // Encodes and sends. x: operand rows [T, d]; selections: of those T tokens. Both plan and
  // selections stay unchanged until finish(). Blocks: no. Errors: kPeer, kLimit.
  [[nodiscard]] Result<void> begin(const ExchangeKey& key, Rows x, const DispatchPlan& plan,
                                   const routing::Selections& selections);
  // True while an exchange is open. True for complete() once every answer is in.
  [[nodiscard]] bool open() const noexcept { return open_; }
  [[nodiscard]] Result<bool> complete();
  [[nodiscard]] const ExchangeKey& key() const noexcept { return key_; }
  // Takes an answer that belongs to this exchange, and with it the buffer that holds its message.
  // Errors: kPeer, and kStaleEpoch for refused rows where a loss is fatal; then, and for a refusal
  // that is kept for a replay, the buffer stays where it was.
  [[nodiscard]] Result<void> accept(RankId from, const Answer& answer, MessageMemory& message);
  // residual[t] += combined rows; the answers' buffers go to `free`. Only after complete().
  // Errors: the device's.
  [[nodiscard]] Result<void> finish(MatrixView<float> residual, std::vector<MessageMemory>& free);
  // True where an answer is awaited that cannot come under `view`: its rank holds no experts there,
  // is another process than in `last`, the view that was followed until now, or refused and the
  // view is a newer one.
  [[nodiscard]] bool needs_replay(const placement::View& last, const placement::View& view) const;
  // Whether memory of an earlier withdrawal, that nothing is sent from any more, is wanted here.
  [[nodiscard]] bool wants_spare() const noexcept {
    return shape_.peer_loss == PeerLoss::kReplay &&
           shape_.wire.row_place == comm::RowPlace::kApart && spare_.empty();
  }
  void take_spare(MessageMemory memory) noexcept { spare_ = std::move(memory); }
  // Closes the exchange unfinished. Answers that are in go to `free`; memory that is still being
  // sent to `in_flight`. The same inputs may be begun again at once. Errors: kLimit.
  [[nodiscard]] Result<void> withdraw(std::vector<InFlight>& in_flight,
                                      std::vector<MessageMemory>& free);
  // The router has waited for that long: noted for every rank that owes an answer.
  void note_wait(std::uint64_t wait_us);
  // The ranks that have not answered, and as "3, 5".
  [[nodiscard]] std::vector<RankId> silent() const;
  [[nodiscard]] std::string silent_ranks() const;

 private:
  struct Part {
    RankPlan plan;
    bool answered = false;
    bool refused = false;
    bool sent = false;
    comm::SendTicket ticket;
    TimePoint begun{};  // where there is a timeline
    MessageParts message;
    MessageMemory answer;  // once it is in
  };
  Exchange(const ExchangeShape& shape, kernels::Device& device, comm::Transport& transport,
           ExpertServer* server, Counters& counters);
  [[nodiscard]] Result<void> serve_own(Rows x, const DispatchPlan& plan, const RankPlan& part);
  [[nodiscard]] Result<void> send_encoded();
  [[nodiscard]] Result<void> post(Part& part);
  void encode(Rows x, const DispatchPlan& plan, Part& part, MessageBytes before);
  [[nodiscard]] Rows answer_rows(const Part& part) const;  // [pairs, d]
  void note_leg(const Part& part, ExchangeEnd end);

  ExchangeShape shape_;
  kernels::Device& device_;
  comm::Transport& transport_;
  ExpertServer* server_;
  Counters& counters_;
  bool open_ = false;
  ExchangeKey key_;
  const DispatchPlan* plan_ = nullptr;
  const routing::Selections* selections_ = nullptr;
  std::vector<Part> parts_;
  MessageMemory messages_;  // dispatches, one after the other
  // For the dispatches after a withdrawal, while what was withdrawn is still being sent from: a
  // transport lends no more memory then. Empty where nothing is withdrawn or nothing lent.
  MessageMemory spare_;
  HostBuffer zero_row_;  // the answer of a masked expert
  std::vector<kernels::CombineSlot> slots_;
};

}  // namespace switchyard::moe
