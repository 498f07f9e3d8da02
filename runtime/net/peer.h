// runtime/net/peer.h -- one agent or client as the controller's server has it: a bounded queue of
// frames that a coroutine writes, and the end of the connection in two stages (write what is
// queued, then close; or at once). Who is too slow to read what it is sent is cut. Thread safety:
// the server's thread only.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/control/controller.h"
#include "runtime/net/deadline_socket.h"
#include "runtime/net/wakeup.h"

namespace switchyard::net {

struct PeerLimits {
  std::size_t queue_bytes_max = std::size_t{64} << 20;  // beyond one frame of any size
  Duration frame_limit = std::chrono::seconds(10);
  Duration linger = std::chrono::seconds(1);  // for the peer to close after our last word
};

class Peer {
 public:
  Peer(control::ConnectionId id, control::PeerKind kind, std::shared_ptr<DeadlineSocket> socket,
       const asio::any_io_executor& executor, const PeerLimits& limits);

  // Called (on the server's thread) when the queue has emptied, or has gone below a small part of
  // what it may hold; set before write_loop() runs.
  void on_drained(std::function<void()> call) { on_drained_ = std::move(call); }
  // Queues a frame; cuts the peer where the queue is full.
  void send(std::vector<std::byte> frame);
  // Nothing more is queued; closes once what is queued has left.
  void finish(std::string reason);
  // Closes now. The first reason stands.
  void cut(std::string reason);

  // It has been given a place as a rank: from now on it may be told that somebody is there.
  void seat() noexcept { seated_ = true; }
  [[nodiscard]] bool seated() const noexcept { return seated_; }

  // Writes until the connection ends; run once.
  [[nodiscard]] static Task<void> write_loop(std::shared_ptr<Peer> peer);

  [[nodiscard]] control::ConnectionId id() const noexcept { return id_; }
  [[nodiscard]] control::PeerKind kind() const noexcept { return kind_; }
  [[nodiscard]] const std::shared_ptr<DeadlineSocket>& socket() const noexcept { return socket_; }
  // Why this side ended the connection; empty where the other one did.
  [[nodiscard]] const std::string& end_reason() const noexcept { return end_reason_; }
  [[nodiscard]] bool ending() const noexcept { return ending_; }
  [[nodiscard]] std::size_t queued_bytes() const noexcept { return queued_bytes_; }

 private:
  void taken(std::size_t bytes);

  control::ConnectionId id_;
  control::PeerKind kind_;
  std::shared_ptr<DeadlineSocket> socket_;
  PeerLimits limits_;
  Wakeup wakeup_;
  std::deque<std::vector<std::byte>> queue_;
  std::size_t queued_bytes_ = 0;
  std::function<void()> on_drained_;
  bool seated_ = false;
  bool ending_ = false;
  std::string end_reason_;
};

}  // namespace switchyard::net
