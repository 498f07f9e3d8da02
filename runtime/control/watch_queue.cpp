#include "runtime/control/watch_queue.h"

#include <algorithm>

namespace switchyard::control {

void WatchQueue::add(Item item) {
  for (auto& [watcher, feed] : feeds_) feed.owed.push_back(item);
}

std::optional<WatchQueue::Item> WatchQueue::next(ConnectionId watcher) {
  const auto found = feeds_.find(watcher);
  if (found == feeds_.end()) return std::nullopt;
  Feed& feed = found->second;
  if (feed.owed.empty() || feed.bytes_ahead >= window_bytes_) return std::nullopt;
  const Item item = feed.owed.front();
  feed.owed.pop_front();
  return item;
}

void WatchQueue::sent(ConnectionId watcher, std::size_t bytes) {
  if (const auto found = feeds_.find(watcher); found != feeds_.end()) {
    found->second.bytes_ahead += bytes;
  }
}

void WatchQueue::drained(ConnectionId watcher) {
  if (const auto found = feeds_.find(watcher); found != feeds_.end()) found->second.bytes_ahead = 0;
}

bool WatchQueue::all_told() const noexcept {
  return std::ranges::all_of(feeds_, [](const auto& feed) { return feed.second.owed.empty(); });
}

}  // namespace switchyard::control
