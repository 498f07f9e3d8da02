// runtime/control/watch_queue.h -- what each client that watches has still to be told of ended
// requests and last words of ranks, in the order in which it happened. Fed as the connection takes
// it, so that a client that asks for a hundred thousand results at once gets them all, and one that
// does not read keeps only numbers here. Not the messages (controller/clients.cpp) and not the
// connection (runtime/net/peer.h). Thread safety: shared objects: unsafe.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <variant>

#include "runtime/control/connection_id.h"
#include "runtime/control/messages.h"

namespace switchyard::control {

class WatchQueue {
 public:
  // An ended request, or the place of a rank's last words in the controller's list of them.
  using Item = std::variant<RequestId, std::size_t>;

  // window_bytes: what may be on its way to one watcher; one item of any size always may.
  explicit WatchQueue(std::size_t window_bytes) : window_bytes_(window_bytes) {}

  // From now on, and first of all what has happened so far.
  void watch(ConnectionId watcher, std::deque<Item> past) {
    feeds_[watcher] = {std::move(past), 0};
  }
  void unwatch(ConnectionId watcher) { feeds_.erase(watcher); }
  // It happened: everyone is to be told.
  void add(Item item);

  // The next for the watcher; nothing where all is told or its window is full. sent() says how much
  // was sent for it, drained() that the connection has taken all of that.
  [[nodiscard]] std::optional<Item> next(ConnectionId watcher);
  void sent(ConnectionId watcher, std::size_t bytes);
  void drained(ConnectionId watcher);
  // Nobody has anything to be told still. What was sent may be on its way.
  [[nodiscard]] bool all_told() const noexcept;

 private:
  struct Feed {
    std::deque<Item> owed;
    std::size_t bytes_ahead = 0;  // sent, and not known to have been taken
  };
  std::size_t window_bytes_;
  std::map<ConnectionId, Feed> feeds_;
};

}  // namespace switchyard::control
