#include "runtime/control/wait_matrix.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace switchyard::control {

bool WaitMatrix::waits(RankId waiter, RankId awaited) const {
  const auto found = awaited_of_.find(waiter);
  return found != awaited_of_.end() && found->second.contains(awaited);
}

std::set<RankId> WaitMatrix::reachable(RankId rank) const {
  std::set<RankId> seen;
  std::vector<RankId> open{rank};
  while (!open.empty()) {
    const RankId at = open.back();
    open.pop_back();
    const auto found = awaited_of_.find(at);
    if (found == awaited_of_.end()) continue;
    for (const RankId next : found->second) {
      if (seen.insert(next).second) open.push_back(next);
    }
  }
  return seen;
}

bool WaitMatrix::is_end(RankId rank) const {
  return std::ranges::all_of(reachable(rank), [&](RankId other) {
    return other == rank || reachable(other).contains(rank);
  });
}

RankId WaitMatrix::end_of(RankId rank) const {
  if (is_end(rank)) return rank;
  for (const RankId other : reachable(rank)) {
    if (is_end(other)) return other;
  }
  SY_CHECK(false, "rank {}: a finite graph has an end", rank.value());
  return rank;
}

}  // namespace switchyard::control
