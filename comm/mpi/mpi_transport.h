// comm/mpi/mpi_transport.h -- one rank of a world of processes, over MPI point-to-point messages.
// One communicator of our own for each channel, so that channels never match each other's messages.
// MPI reports no death: a send to a dead rank "succeeds" or stays pending; deadlines are the
// caller's. After such a failure leave by abort_mpi_world() or _exit, not by finalize(). Thread:
// the thread that started MPI, except set_lost() and wake().
#pragma once

#include <array>
#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "comm/mpi/host_group.h"
#include "comm/mpi/mpi_comm.h"
#include "comm/mpi/mpi_env.h"
#include "comm/ticket_table.h"
#include "comm/transport.h"

namespace switchyard::comm::mpi {

class MpiTransport final : public Transport {
 public:
  // Over all ranks of the MPI job. Collective: yes.
  [[nodiscard]] static Result<std::unique_ptr<MpiTransport>> create(MpiEnv env,
                                                                    const TransportLimits& limits);
  ~MpiTransport() override = default;
  MpiTransport(const MpiTransport&) = delete;
  MpiTransport& operator=(const MpiTransport&) = delete;

  [[nodiscard]] std::string_view name() const noexcept override { return "mpi"; }
  [[nodiscard]] RankId rank() const noexcept override { return rank_; }
  [[nodiscard]] std::size_t size() const noexcept override { return hosts_.size(); }
  [[nodiscard]] std::span<const std::string> hosts() const noexcept override { return hosts_; }

  [[nodiscard]] Result<SendTicket> send(RankId to, Channel channel, Bytes bytes) override;
  [[nodiscard]] Result<bool> send_done(SendTicket ticket) override;
  [[nodiscard]] Result<std::optional<Arrival>> probe(Channel channel) override;
  [[nodiscard]] Result<void> receive(const Arrival& arrival, MutableBytes into) override;
  [[nodiscard]] bool receive_over(const std::byte* into) override;
  void wait_a_moment(std::uint32_t idle_rounds) override;
  void wake() noexcept override { group_.own().ring(); }
  void set_lost(RankId rank, Lost lost) noexcept override {
    lost_[rank.index()].store(lost == Lost::kYes, std::memory_order_relaxed);
  }
  [[nodiscard]] Result<void> finalize(Deadline deadline) override;

 private:
  struct PendingSend {
    MPI_Request request = MPI_REQUEST_NULL;
    RankId to;
  };
  // A message that MPI has matched for us and that waits to be received.
  struct Probed {
    MPI_Message message = MPI_MESSAGE_NULL;
    Arrival arrival;
  };

  // A receive that was given up half-way; MPI goes on with it where its sender does.
  struct GivenUp {
    MPI_Request request = MPI_REQUEST_NULL;
    const std::byte* into = nullptr;
  };

  MpiTransport(MpiEnv env, const TransportLimits& limits, HostGroup group);
  [[nodiscard]] Result<void> wait_for_copy(MPI_Request& request, RankId from);
  [[nodiscard]] Result<void> say_goodbye(Deadline deadline);

  MpiEnv env_;
  const TransportLimits limits_;
  RankId rank_;
  std::vector<std::string> hosts_;
  HostGroup group_;
  IdleWait idle_;
  std::array<Comm, kChannelCount> channels_;
  Comm goodbyes_;
  TicketTable tickets_;
  std::vector<PendingSend> sends_;  // [sends_in_flight_max], by ticket slot
  std::array<std::optional<Probed>, kChannelCount> probed_;
  std::vector<std::atomic<bool>> lost_;  // [ranks]
  std::vector<GivenUp> given_up_;        // few: one for each death or stop in mid-message
};

}  // namespace switchyard::comm::mpi
