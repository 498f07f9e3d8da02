// comm/nccl/nccl_transport.h -- a transport over another one: the rows of the exchange go by NCCL
// from device memory to device memory, everything else as before.
//
// Each rank has a lane, a communicator on which it alone sends. A head travels over the base
// transport with a word at its end; its receiver then asks for the rows, into staging memory, and
// goes on. A message is shown by probe() when its rows are in; receive_rows() copies them to their
// place within the GPU, in the order of the device's queue where it follows one: then no call waits
// for the device. No call waits for a peer. That is also why nothing can lock up: receives
// that were waited for in the order of arrival could form a circle over several senders, but here
// every head that has been sent is followed by its receive, whatever else its receiver is doing.
//
// The lane of a rank is made anew by that rank alone when a member is lost, comes, or fails.
// Thread: one thread per transport, whose current GPU is the rank's; except set_lost().
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "comm/nccl/arrivals.h"
#include "comm/nccl/inbox.h"
#include "comm/nccl/outbox.h"
#include "comm/transport.h"
#include "comm/worlds.h"

namespace switchyard::comm::nccl {

class NcclTransport final : public Transport {
 public:
  NcclTransport(std::unique_ptr<Transport> base, const TransportLimits& limits,
                const NcclOptions& options);
  ~NcclTransport() override;
  NcclTransport(const NcclTransport&) = delete;
  NcclTransport& operator=(const NcclTransport&) = delete;

  [[nodiscard]] std::string_view name() const noexcept override { return name_; }
  [[nodiscard]] RankId rank() const noexcept override { return base_->rank(); }
  [[nodiscard]] std::size_t size() const noexcept override { return base_->size(); }
  [[nodiscard]] std::span<const std::string> hosts() const noexcept override {
    return base_->hosts();
  }
  [[nodiscard]] RowPlace row_place() const noexcept override { return RowPlace::kApart; }

  [[nodiscard]] Result<SendTicket> send(RankId to, Channel channel, Bytes bytes) override;
  [[nodiscard]] Result<SendTicket> send_rows(RankId to, Channel channel, Bytes head,
                                             Bytes rows) override;
  [[nodiscard]] Result<void> progress() override { return pump(); }
  [[nodiscard]] Result<void> reserve_rows(std::size_t bytes) override;
  void follow(DeviceQueue queue) override {
    queue_ = queue;
    arrivals_.follow(queue);
  }
  [[nodiscard]] bool follows_queue() const noexcept override { return static_cast<bool>(queue_); }
  [[nodiscard]] MutableBytes lend_rows(std::size_t bytes) override {
    return send_rows_.lend(bytes);
  }
  void take_back_rows(MutableBytes rows) noexcept override { send_rows_.take_back(rows); }
  [[nodiscard]] Result<bool> send_done(SendTicket ticket) override;
  [[nodiscard]] Result<std::optional<Arrival>> probe(Channel channel) override;
  [[nodiscard]] Result<void> receive(const Arrival& arrival, MutableBytes into) override;
  [[nodiscard]] Result<void> receive_rows(const Arrival& arrival, MutableBytes head,
                                          MutableBytes rows) override;
  // Rows and heads of the exchange are copied from memory of our own.
  [[nodiscard]] bool receive_over(const std::byte* into) override {
    return base_->receive_over(into);
  }
  void wait_a_moment(std::uint32_t idle_rounds) override;
  void wake() noexcept override { base_->wake(); }
  void set_lost(RankId rank, Lost lost) noexcept override;
  void attach(RankId rank, std::string_view address) override;
  [[nodiscard]] bool halt_rows(Deadline deadline) noexcept override;
  [[nodiscard]] bool leave_at_once(Deadline deadline) noexcept override;
  [[nodiscard]] Result<void> finalize(Deadline deadline) override;

 private:
  [[nodiscard]] Result<void> open();
  [[nodiscard]] Result<void> follow_losses();
  [[nodiscard]] Result<void> pump();
  void find_spare_head();
  [[nodiscard]] Result<void> take_words(Channel channel);
  [[nodiscard]] Result<void> take_word(RankId from, Channel channel, HeadBuffer message);
  [[nodiscard]] Result<void> take_end_word(RankId from, const LinkWord& word, Bytes front);
  [[nodiscard]] Result<void> settle(Deadline deadline);
  void let_go(Deadline deadline) noexcept;
  [[nodiscard]] bool lost(RankId rank) const noexcept {
    return lost_[rank.index()].load(std::memory_order_relaxed);
  }

  std::unique_ptr<Transport> base_;
  std::string name_;
  TransportLimits limits_;
  Log log_;
  bool plain_wished_;
  std::vector<std::atomic<bool>> lost_;  // [ranks]
  std::vector<std::string> addresses_;   // [ranks] of those that came later
  std::vector<bool> left_;               // [ranks] has said goodbye
  HeadPost post_;
  Reaper reaper_;
  Staging staging_;
  SendRows send_rows_;
  std::vector<HeadBuffer> spare_heads_;
  std::vector<HeadBuffer> lost_heads_;  // half-received from ranks that died
  Outbox outbox_;
  std::vector<Inbox> inboxes_;  // [ranks]; empty until the GPU is known
  std::array<std::vector<Delivery>, kChannelCount> deliveries_;
  std::array<std::vector<std::uint32_t>, kChannelCount> own_;  // sends to this rank, by slot
  std::array<bool, kChannelCount> own_next_{};                 // shown by the last probe
  Arrivals arrivals_;
  DeviceQueue queue_;
  std::uint32_t pumps_ = 0;
  bool settling_ = false;  // finalize() has been called
  bool leaving_ = false;   // and nothing more will be sent
};

}  // namespace switchyard::comm::nccl
