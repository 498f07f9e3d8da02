// tests/sim/control/sim_network.h -- control connections in virtual time: ordered while they stand;
// messages under way are lost when they break; a blocked host sends and hears nothing until it is
// free again. Thread safety: shared objects: unsafe.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "runtime/base/random.h"
#include "runtime/control/controller.h"
#include "tests/sim/control/sim_time.h"

namespace switchyard::control {

// Who is at the other end of a connection to the controller.
class SimPeer {
 public:
  virtual ~SimPeer() = default;
  virtual void on_message(const Message& message) = 0;
  virtual void on_broken() = 0;
  // Nothing is heard before; a stopped process hears later.
  [[nodiscard]] virtual TimePoint deaf_until() const { return {}; }
};

class SimNetwork {
 public:
  SimNetwork(SimTime& time, Random& random) : time_(time), random_(random) {}

  // ---- the controller's side ----
  void listen(std::function<void(Happening)> controller) { controller_ = std::move(controller); }
  void controller_gone();
  void to_peer(ConnectionId id, Message message);
  void close(ConnectionId id);

  // ---- the peers' side ----
  // 0 where nobody listens.
  [[nodiscard]] ConnectionId open(SimPeer& peer, PeerKind kind, std::uint32_t host);
  void to_controller(ConnectionId id, Message message);
  // The process is gone: nothing more reaches it; the controller hears of it.
  void abandon(ConnectionId id);

  // ---- faults ----
  void cut(ConnectionId id);  // both ends hear of it
  void block(std::uint32_t host, TimePoint until);
  [[nodiscard]] bool blocked(std::uint32_t host) const;
  Duration delay_max = std::chrono::milliseconds(5);

 private:
  struct Link {
    SimPeer* peer = nullptr;
    PeerKind kind = PeerKind::kAgent;
    std::uint32_t host = 0;
    bool peer_open = true;        // the peer may still hear
    bool controller_open = true;  // the controller may still hear
    TimePoint to_peer{};          // when the last one arrives
    TimePoint to_controller{};
    std::deque<std::function<void(SimPeer&)>> for_peer;  // under way, in the order of sending
    std::deque<std::pair<std::uint64_t, std::function<void()>>> for_controller;  // with its life
  };
  [[nodiscard]] Duration delay();
  void deliver_to_peer(ConnectionId id, std::function<void(SimPeer&)> what);
  void deliver_to_controller(ConnectionId id, std::function<void()> what);
  void hand_to_peer(ConnectionId id);
  void hand_to_controller(ConnectionId id);

  SimTime& time_;
  Random& random_;
  std::function<void(Happening)> controller_;
  std::uint64_t controller_life_ = 0;
  std::uint32_t opened_ = 0;
  std::map<ConnectionId, Link> links_;
  std::map<std::uint32_t, TimePoint> blocked_;
};

}  // namespace switchyard::control
