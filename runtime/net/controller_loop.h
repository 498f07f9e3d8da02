// runtime/net/controller_loop.h -- the inside of the controller's server: feeds the brain what
// happens, one thing at a time, and performs its actions on the peers, the journal and the log.
// Not the listening and not the end (controller_server.cpp).
// Thread safety: the server's thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "runtime/net/controller_server.h"
#include "runtime/net/event_log.h"
#include "runtime/net/journal_keeper.h"
#include "runtime/net/peer.h"
#include "runtime/net/server_metrics.h"

namespace switchyard::net {

class ControllerLoop {
 public:
  using OnAnswer = std::function<void(control::Answer)>;

  ControllerLoop(Brain brain, std::optional<JournalKeeper> journal, EventLog& log,
                 ServerMetrics& metrics, std::function<void(RankId)> spawn);

  [[nodiscard]] control::ConnectionId next_id() noexcept { return last_ = last_.next(); }
  void connected(std::shared_ptr<Peer> peer);
  void disconnected(const Peer& peer, std::string reason);
  void received(const Peer& peer, control::Message message);
  void drained(const Peer& peer);
  void tick();

  // A wish (Command, Place) that came another way than over a connection (HTTP). `on_answer` is
  // called once, unless forget() comes first.
  [[nodiscard]] control::ConnectionId command(control::Message wish, OnAnswer on_answer);
  void forget(control::ConnectionId id);

  [[nodiscard]] std::string status_json() const;
  [[nodiscard]] const std::map<control::ConnectionId, std::shared_ptr<Peer>>& peers() const {
    return peers_;
  }
  // From now on nothing happens any more: that connections end when the server does says nothing
  // about the ranks.
  void freeze() noexcept { frozen_ = true; }
  // Called when the controller says Stop.
  void on_stop(std::function<void()> call) { on_stop_ = std::move(call); }

 private:
  void say_alive();
  void happen(control::Happening happening);
  void settle_journal();
  void perform(control::Send& action);
  void perform(control::Close& action);
  void perform(control::Journal& action);
  void perform(control::Log& action);
  void perform(control::Spawn& action);
  void perform(control::Stop& action);

  SteadyClock clock_;
  Brain brain_;
  std::optional<JournalKeeper> journal_;
  std::string journal_trouble_;  // told already
  EventLog& log_;
  ServerMetrics& metrics_;
  std::function<void(RankId)> spawn_;
  control::ConnectionId last_;
  std::map<control::ConnectionId, std::shared_ptr<Peer>> peers_;
  std::map<control::ConnectionId, OnAnswer> local_;  // commands that wait for their answer
  std::function<void()> on_stop_;
  TimePoint alive_said_{};
  bool frozen_ = false;
};

}  // namespace switchyard::net
