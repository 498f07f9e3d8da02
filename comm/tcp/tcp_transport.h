// comm/tcp/tcp_transport.h -- a world that is open: its slots are fixed, but a process may come to
// one later, over TCP, in place of one that died. Ranks that were there from the start reach each
// other over an inner transport; a rank that came later has none and reaches everyone over TCP. The
// later one listens; who learns its address (attach) connects to it. Of two late ranks the lower
// one connects to the higher.
// Thread: one thread per transport (the rank's engine thread), except set_lost() and wake().
#pragma once

#include <poll.h>

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "comm/tcp/stream.h"
#include "comm/tcp/waker.h"
#include "comm/tcp/welcome_desk.h"
#include "comm/ticket_table.h"
#include "comm/transport.h"

namespace switchyard::comm::tcp {

class TcpTransport final : public Transport {
 public:
  // A rank from the start. Takes the inner transport over.
  TcpTransport(std::unique_ptr<Transport> inner, const TransportLimits& limits);
  // A rank that comes later. hosts: of all slots.
  TcpTransport(RankId rank, std::vector<std::string> hosts, WelcomeDesk desk,
               const TransportLimits& limits);
  ~TcpTransport() override = default;
  TcpTransport(const TcpTransport&) = delete;
  TcpTransport& operator=(const TcpTransport&) = delete;

  [[nodiscard]] std::string_view name() const noexcept override { return "tcp"; }
  [[nodiscard]] RankId rank() const noexcept override { return rank_; }
  [[nodiscard]] std::size_t size() const noexcept override { return hosts_.size(); }
  [[nodiscard]] std::span<const std::string> hosts() const noexcept override { return hosts_; }

  [[nodiscard]] Result<SendTicket> send(RankId to, Channel channel, Bytes bytes) override;
  [[nodiscard]] Result<bool> send_done(SendTicket ticket) override;
  [[nodiscard]] Result<std::optional<Arrival>> probe(Channel channel) override;
  [[nodiscard]] Result<void> receive(const Arrival& arrival, MutableBytes into) override;
  // A stream that has failed is never read again; only the inner transport writes on its own.
  [[nodiscard]] bool receive_over(const std::byte* into) override {
    return inner_ == nullptr || inner_->receive_over(into);
  }
  void wait_a_moment(std::uint32_t idle_rounds) override;
  void wake() noexcept override;
  void set_lost(RankId rank, Lost lost) noexcept override;
  void attach(RankId rank, std::string_view address) override;
  [[nodiscard]] Result<void> finalize(Deadline deadline) override;

 private:
  // Where the pending arrival of a channel is.
  enum class Source : std::uint8_t { kInner, kSelf, kStream };
  struct Pending {
    Source source = Source::kInner;
    Arrival arrival;
  };
  // One stream for each channel, and one for goodbyes.
  static constexpr std::size_t kStreams = kChannelCount + 1;
  struct Peer {
    std::vector<Stream> streams;  // [kStreams]; empty: reached over the inner transport
    std::string address;          // that was connected to
  };

  void open_streams(Peer& peer);
  [[nodiscard]] static bool broke(Stream& stream);
  void pump_all();
  [[nodiscard]] SendTicket post(RankId to, std::size_t stream, SendTicket ticket, Bytes bytes);
  [[nodiscard]] std::optional<Arrival> look_at_streams(Channel channel);
  [[nodiscard]] std::optional<Arrival> look_at_self(Channel channel) const;
  [[nodiscard]] Result<void> receive_streamed(const Arrival& arrival, MutableBytes into);
  void receive_own(Channel channel, MutableBytes into);
  [[nodiscard]] std::vector<RankId> silent_peers();
  [[nodiscard]] bool any_stream() const;
  void sleep_on_sockets(Duration nap);

  std::unique_ptr<Transport> inner_;  // null: came later
  std::optional<WelcomeDesk> desk_;   // came later
  RankId rank_;
  std::vector<std::string> hosts_;
  TransportLimits limits_;
  TicketTable tickets_;
  std::vector<Outgoing> sends_;              // by ticket slot
  std::vector<Peer> peers_;                  // [ranks]
  std::vector<std::atomic<bool>> lost_;      // [ranks]
  std::vector<std::atomic<bool>> attached_;  // [ranks]: the inner transport's one is dead
  std::array<std::optional<Pending>, kChannelCount> pending_;
  std::array<std::vector<std::uint32_t>, kChannelCount> own_;  // sends to this rank, in order
  std::array<std::size_t, kChannelCount> next_peer_{};         // to look at, for fairness
  std::array<bool, kChannelCount> inner_first_{};
  std::uint32_t looks_ = 0;
  Waker waker_;
  std::vector<pollfd> polled_;  // of sleep_on_sockets()
  std::vector<Stream*> polled_streams_;
};

}  // namespace switchyard::comm::tcp
