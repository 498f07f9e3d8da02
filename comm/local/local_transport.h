// comm/local/local_transport.h -- one rank of a world whose ranks are threads of this process.
// The documentation by example of a transport: the shortest code that keeps the whole contract.
// A rank that ends early leaves at once, or destroys its transport, before the buffers of its
// unfinished sends.
// Thread: the rank's thread.
#pragma once

#include <memory>

#include "comm/idle_wait.h"
#include "comm/local/local_world.h"
#include "comm/ticket_table.h"
#include "comm/transport.h"

namespace switchyard::comm::local {

class LocalTransport final : public Transport {
 public:
  LocalTransport(std::shared_ptr<LocalWorld> world, RankId rank, const TransportLimits& limits);
  ~LocalTransport() override;
  LocalTransport(const LocalTransport&) = delete;
  LocalTransport& operator=(const LocalTransport&) = delete;

  [[nodiscard]] std::string_view name() const noexcept override { return "local"; }
  [[nodiscard]] RankId rank() const noexcept override { return rank_; }
  [[nodiscard]] std::size_t size() const noexcept override { return world_->size(); }
  // A rank that is alone sends no rows: they may stay in the memory of its device.
  [[nodiscard]] RowPlace row_place() const noexcept override {
    return size() == 1 ? RowPlace::kApart : RowPlace::kBehindHead;
  }
  [[nodiscard]] std::span<const std::string> hosts() const noexcept override {
    return world_->hosts();
  }

  [[nodiscard]] Result<SendTicket> send(RankId to, Channel channel, Bytes bytes) override;
  [[nodiscard]] Result<bool> send_done(SendTicket ticket) override;
  [[nodiscard]] Result<std::optional<Arrival>> probe(Channel channel) override;
  [[nodiscard]] Result<void> receive(const Arrival& arrival, MutableBytes into) override;
  void wait_a_moment(std::uint32_t idle_rounds) override;
  void wake() noexcept override { world_->bell(rank_).ring(); }
  [[nodiscard]] bool leave_at_once(Deadline deadline) noexcept override;
  [[nodiscard]] Result<void> finalize(Deadline deadline) override;

 private:
  void leave() noexcept;

  const std::shared_ptr<LocalWorld> world_;
  const RankId rank_;
  const TransportLimits limits_;
  TicketTable tickets_;
  IdleWait idle_;
};

}  // namespace switchyard::comm::local
