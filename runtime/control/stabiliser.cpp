#include "runtime/control/stabiliser.h"

#include <algorithm>

namespace switchyard::control {

std::size_t Stabiliser::stabilise(std::size_t current, std::size_t wanted, TimePoint now) {
  if (entries_.empty()) entries_.push_back({now, current});
  entries_.push_back({now, wanted});
  const Duration longest = std::max(up_window_, down_window_);
  // The newest entry stays, so that `entries_` is empty only before the first call.
  while (entries_.size() > 1 && now - entries_.front().at > longest) entries_.pop_front();
  std::size_t lowest = wanted;
  std::size_t highest = wanted;
  for (const Entry& entry : entries_) {
    if (now - entry.at < up_window_) lowest = std::min(lowest, entry.wanted);
    if (now - entry.at < down_window_) highest = std::max(highest, entry.wanted);
  }
  if (wanted > current) return std::max(current, lowest);
  return std::min(current, highest);
}

}  // namespace switchyard::control
