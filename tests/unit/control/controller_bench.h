// tests/unit/control/controller_bench.h -- a controller with hand-played agents and clients: each
// call says one thing and the bench keeps what came back. Not the simulation (tests/sim), where the
// agents play themselves. Thread safety: shared objects: unsafe.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "runtime/control/controller.h"

namespace switchyard::control {

// The model that its ranks register.
inline constexpr std::size_t kBenchLayers = 2;
inline constexpr std::uint64_t kBenchExpertBytes = 1 << 20;
inline constexpr std::size_t kBenchExperts = 8;

class ControllerBench {
 public:
  explicit ControllerBench(ControllerOptions options)
      : options_(options), controller_(std::move(options)) {}

  // The start values of a Register; change what a test is about.
  static Register rank(std::uint32_t number, RankKind kind);
  ConnectionId connect(PeerKind kind);
  ConnectionId join(const Register& asks);
  ConnectionId join(std::uint32_t number, RankKind kind) { return join(rank(number, kind)); }
  void say(ConnectionId from, Message message) { handle(Received{from, std::move(message)}); }
  void disconnect(ConnectionId connection) { handle(Disconnected{connection, "reset by peer"}); }
  // The connection has taken all that was sent over it.
  void drain(ConnectionId connection) { handle(Drained{connection}); }
  // Ticks on until the time has passed; live agents beat meanwhile.
  void pass(Duration time);
  // What an agent reports from now on, instead of nothing, while time passes.
  void load(ConnectionId connection, LoadReport report) { loads_[connection] = std::move(report); }
  // The agent's rank reads weights while time passes, until told otherwise.
  enum class Loads { kNo, kYes };
  void loading(ConnectionId connection, Loads loads) {
    loads == Loads::kYes ? (void)loading_.insert(connection) : (void)loading_.erase(connection);
  }
  // The agent says nothing more; its connection stands.
  void silence(ConnectionId connection) { beating_.erase(connection); }
  // A new controller with the journal of the old; every connection is gone.
  void restart();

  // What a connection was told since it was asked for last, of one kind.
  template <class M>
  std::vector<M> heard(ConnectionId connection) {
    std::vector<M> out;
    std::vector<Message> rest;
    for (Message& message : inbox_[connection]) {
      if (auto* wanted = std::get_if<M>(&message)) {
        out.push_back(std::move(*wanted));
      } else {
        rest.push_back(std::move(message));
      }
    }
    inbox_[connection] = std::move(rest);
    return out;
  }
  bool has_event(const std::string& kind) const {
    return std::ranges::find(events, kind) != events.end();
  }
  bool closed(ConnectionId connection) const { return closed_.contains(connection); }
  // Says Prepared wherever a Prepare has come, and Adopted for every Commit, until all is quiet.
  void play_along(const std::vector<ConnectionId>& agents);

  std::vector<std::string> events;  // kinds
  std::vector<std::string> texts;
  std::vector<RankId> spawns;
  bool stopped = false;
  std::vector<std::vector<std::byte>> journal;
  TimePoint now{std::chrono::seconds(1)};
  Controller& controller() { return controller_; }

 private:
  void handle(Happening happening);

  ControllerOptions options_;
  Controller controller_;
  std::uint32_t connections_ = 0;
  std::uint64_t beats_ = 0;
  std::map<ConnectionId, Phase> beating_;
  std::map<ConnectionId, LoadReport> loads_;
  std::set<ConnectionId> loading_;
  std::map<ConnectionId, std::uint64_t> weights_read_;
  std::map<ConnectionId, std::vector<Message>> inbox_;
  std::map<ConnectionId, std::string> closed_;
};

}  // namespace switchyard::control
