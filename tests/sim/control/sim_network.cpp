#include "tests/sim/control/sim_network.h"

#include <algorithm>

namespace switchyard::control {

Duration SimNetwork::delay() {
  return Duration(static_cast<std::int64_t>(
      random_.next_below(static_cast<std::uint64_t>(delay_max.count()) + 1)));
}

bool SimNetwork::blocked(std::uint32_t host) const {
  const auto found = blocked_.find(host);
  return found != blocked_.end() && found->second > time_.now();
}

void SimNetwork::block(std::uint32_t host, TimePoint until) {
  blocked_[host] = std::max(blocked_[host], until);
}

ConnectionId SimNetwork::open(SimPeer& peer, PeerKind kind, std::uint32_t host) {
  if (!controller_ || blocked(host)) return {};
  const ConnectionId id(++opened_);
  Link& link = links_[id];
  link.peer = &peer;
  link.kind = kind;
  link.host = host;
  deliver_to_controller(id, [this, id, kind] { controller_(Connected{id, kind}); });
  return id;
}

void SimNetwork::deliver_to_peer(ConnectionId id, std::function<void(SimPeer&)> what) {
  Link& link = links_.at(id);
  link.to_peer = std::max(link.to_peer, time_.now() + delay());
  link.for_peer.push_back(std::move(what));
  time_.at(link.to_peer, [this, id] { hand_to_peer(id); });
}

// The oldest that is under way, whichever was meant: what had to wait stays in front of the rest.
void SimNetwork::hand_to_peer(ConnectionId id) {
  const auto found = links_.find(id);
  if (found == links_.end() || !found->second.peer_open) return;
  Link& link = found->second;
  const TimePoint host_free = blocked(link.host) ? blocked_.at(link.host) : TimePoint();
  const TimePoint later = std::max(host_free, link.peer->deaf_until());
  if (later > time_.now()) {
    link.to_peer = std::max(link.to_peer, later);
    return time_.at(later, [this, id] { hand_to_peer(id); });
  }
  const auto what = std::move(link.for_peer.front());
  link.for_peer.pop_front();
  what(*link.peer);
  if (link.kind == PeerKind::kClient && link.for_peer.empty() && link.controller_open) {
    deliver_to_controller(id, [this, id] { controller_(Drained{id}); });
  }
}

void SimNetwork::deliver_to_controller(ConnectionId id, std::function<void()> what) {
  Link& link = links_.at(id);
  link.to_controller = std::max(link.to_controller, time_.now() + delay());
  link.for_controller.emplace_back(controller_life_, std::move(what));
  time_.at(link.to_controller, [this, id] { hand_to_controller(id); });
}

void SimNetwork::hand_to_controller(ConnectionId id) {
  const auto found = links_.find(id);
  if (found == links_.end() || !found->second.controller_open) return;
  Link& link = found->second;
  if (blocked(link.host)) {
    const TimePoint later = blocked_.at(link.host);
    link.to_controller = std::max(link.to_controller, later);
    return time_.at(later, [this, id] { hand_to_controller(id); });
  }
  const auto [life, what] = std::move(link.for_controller.front());
  link.for_controller.pop_front();
  if (life == controller_life_) what();
}

void SimNetwork::to_peer(ConnectionId id, Message message) {
  const auto found = links_.find(id);
  if (found == links_.end() || !found->second.controller_open) return;
  deliver_to_peer(id, [message = std::move(message)](SimPeer& peer) { peer.on_message(message); });
}

void SimNetwork::to_controller(ConnectionId id, Message message) {
  const auto found = links_.find(id);
  if (found == links_.end() || !found->second.peer_open) return;
  deliver_to_controller(id, [this, id, message = std::move(message)] {
    controller_(Received{id, message});
  });
}

void SimNetwork::close(ConnectionId id) {
  const auto found = links_.find(id);
  if (found == links_.end()) return;
  found->second.controller_open = false;
  deliver_to_peer(id, [this, id](SimPeer& peer) {
    links_.at(id).peer_open = false;
    peer.on_broken();
  });
}

void SimNetwork::abandon(ConnectionId id) {
  const auto found = links_.find(id);
  if (found == links_.end()) return;
  found->second.peer_open = false;
  if (!found->second.controller_open) return;
  deliver_to_controller(id, [this, id] {
    links_.at(id).controller_open = false;
    controller_(Disconnected{id, "connection reset"});
  });
}

void SimNetwork::cut(ConnectionId id) {
  const auto found = links_.find(id);
  if (found == links_.end()) return;
  Link& link = found->second;
  if (!link.peer_open) return;  // cut before, and the peer hears of it once
  const bool was_open = link.controller_open;
  link.controller_open = false;  // what is under way is lost
  link.peer_open = false;
  SimPeer* peer = link.peer;
  time_.after(delay(), [peer] { peer->on_broken(); });
  if (!was_open) return;
  time_.after(delay(), [this, id, life = controller_life_] {
    if (life == controller_life_ && controller_) controller_(Disconnected{id, "connection reset"});
  });
}

void SimNetwork::controller_gone() {
  ++controller_life_;
  controller_ = nullptr;
  for (auto& [id, link] : links_) {
    if (!link.peer_open) continue;
    link.controller_open = false;
    deliver_to_peer(id, [this, id = id](SimPeer& peer) {
      links_.at(id).peer_open = false;
      peer.on_broken();
    });
  }
}

}  // namespace switchyard::control
