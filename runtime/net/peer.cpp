#include "runtime/net/peer.h"

#include <algorithm>
#include <utility>

#include "runtime/control/codec.h"

namespace switchyard::net {

Peer::Peer(control::ConnectionId id, control::PeerKind kind, std::shared_ptr<DeadlineSocket> socket,
           const asio::any_io_executor& executor, const PeerLimits& limits)
    : id_(id), kind_(kind), socket_(std::move(socket)), limits_(limits), wakeup_(executor) {}

void Peer::send(std::vector<std::byte> frame) {
  if (ending_) return;
  if (frame.size() > control::kFrameHeaderBytes + control::kFrameBodyBytesMax) {
    cut(fmt::format("a message of {} bytes for it is above the limit", frame.size()));
    return;
  }
  // A single frame is always taken, so that a limit below a view's size cuts no one off.
  if (!queue_.empty() && queued_bytes_ + frame.size() > limits_.queue_bytes_max) {
    cut(fmt::format("too slow: {} bytes wait for it", queued_bytes_));
    return;
  }
  queued_bytes_ += frame.size();
  queue_.push_back(std::move(frame));
  wakeup_.notify();
}

void Peer::finish(std::string reason) {
  if (ending_) return;
  ending_ = true;
  end_reason_ = std::move(reason);
  wakeup_.notify();
}

void Peer::cut(std::string reason) {
  if (end_reason_.empty()) end_reason_ = std::move(reason);
  ending_ = true;
  queue_.clear();
  queued_bytes_ = 0;
  socket_->close();
  wakeup_.notify();
}

void Peer::taken(std::size_t bytes) {
  const std::size_t low = limits_.queue_bytes_max / 16;
  const bool was_above = queued_bytes_ > low;
  queued_bytes_ -= std::min(bytes, queued_bytes_);
  const bool drained = queue_.empty() || (was_above && queued_bytes_ <= low);
  if (drained && !ending_ && on_drained_) on_drained_();
}

Task<void> Peer::write_loop(std::shared_ptr<Peer> peer) {
  const SteadyClock clock;
  while (peer->socket_->is_open()) {
    if (peer->queue_.empty()) {
      if (peer->ending_) break;
      co_await peer->wakeup_.wait(TimePoint::max());
      continue;
    }
    // A copy of its own: cut() empties the queue while the write is under way.
    const auto frame = std::move(peer->queue_.front());
    peer->queue_.pop_front();
    const auto written = co_await peer->socket_->write(frame, peer->limits_.frame_limit);
    if (!written) peer->cut(written.error().message);
    peer->taken(frame.size());
  }
  peer->socket_->shutdown_write();
  // The reader of the server ends when the other side closes, or by this.
  const TimePoint until = clock.now() + peer->limits_.linger;
  while (peer->socket_->is_open() && clock.now() < until) co_await peer->wakeup_.wait(until);
  peer->socket_->close();
}

}  // namespace switchyard::net
