// runtime/control/outbox.h -- collects what a handle() decides, in order: sends, closes, records of
// the journal, events. Numbers the events and passes them to the clients that watch.
// Thread safety: shared objects: unsafe.
#pragma once

#include <deque>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/control/controller.h"

namespace switchyard::control {

class Outbox {
 public:
  void send(ConnectionId to, Message message);
  void close(ConnectionId connection, std::string reason);
  // `rank`: whom the message came from or goes to; 0 where nobody in particular.
  void journal(RankId rank, const Message& message);
  // `kind` is a stable word (docs/OPERATIONS.md lists them); goes to the log and to everyone who
  // watches.
  void event(std::string kind, std::string text, EventAbout about = {});
  // For the log alone: what happens to every single request.
  void note(std::string kind, std::string text, EventAbout about);
  void tell_watchers(const Message& message);
  void spawn(RankId rank) { actions_.emplace_back(Spawn{rank}); }
  void stop() { actions_.emplace_back(Stop{}); }

  void watch(ConnectionId connection) { watchers_.insert(connection); }
  void unwatch(ConnectionId connection) { watchers_.erase(connection); }
  [[nodiscard]] const std::set<ConnectionId>& watchers() const noexcept { return watchers_; }
  [[nodiscard]] std::uint64_t event_count() const noexcept { return event_count_; }

  // Of the events to come.
  void set_time(TimePoint now) noexcept { now_ = now; }
  // The last ones, oldest first: [{"number", "age_s", "kind", "text", ...}].
  [[nodiscard]] nlohmann::json recent_json(TimePoint now) const;

  [[nodiscard]] std::vector<Action> take();

 private:
  std::vector<Action> actions_;
  std::set<ConnectionId> watchers_;
  std::uint64_t event_count_ = 0;
  TimePoint now_{};
  std::deque<std::pair<TimePoint, Event>> recent_;
};

}  // namespace switchyard::control
