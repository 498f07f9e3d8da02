// tests/unit/moe/forwarding_transport.h -- a transport that hands everything on to another one: for
// tests that override what they watch or disturb. Not for rows that stay with the device: what has
// a default in comm/transport.h keeps it, but for progress(). Thread safety: the inner one's.
#pragma once

#include <memory>
#include <utility>

#include "comm/transport.h"

namespace switchyard::tests {

class ForwardingTransport : public comm::Transport {
 public:
  explicit ForwardingTransport(std::unique_ptr<comm::Transport> inner) : inner_(std::move(inner)) {}

  std::string_view name() const noexcept override { return inner_->name(); }
  RankId rank() const noexcept override { return inner_->rank(); }
  std::size_t size() const noexcept override { return inner_->size(); }
  std::span<const std::string> hosts() const noexcept override { return inner_->hosts(); }
  Result<comm::SendTicket> send(RankId to, comm::Channel channel, Bytes bytes) override {
    return inner_->send(to, channel, bytes);
  }
  Result<bool> send_done(comm::SendTicket ticket) override { return inner_->send_done(ticket); }
  Result<std::optional<comm::Arrival>> probe(comm::Channel channel) override {
    return inner_->probe(channel);
  }
  Result<void> receive(const comm::Arrival& arrival, MutableBytes into) override {
    return inner_->receive(arrival, into);
  }
  Result<void> progress() override { return inner_->progress(); }
  void wait_a_moment(std::uint32_t idle_rounds) override { inner_->wait_a_moment(idle_rounds); }
  void wake() noexcept override { inner_->wake(); }
  Result<void> finalize(Deadline deadline) override { return inner_->finalize(deadline); }

 private:
  std::unique_ptr<comm::Transport> inner_;
};

}  // namespace switchyard::tests
