// runtime/control/wait_matrix.h -- who waits for whom, and which ranks the waiting ends at.
// A rank that is stuck makes others wait, and those make others wait in turn; only the ends of the
// chains are culprits. A ring of ranks that wait for each other is an end of its own.
// Ends = the strongly connected parts that no wait leaves. Thread safety: distinct objects: safe.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <vector>

#include "runtime/base/ids.h"

namespace switchyard::control {

class WaitMatrix {
 public:
  void add(RankId waiter, RankId awaited) { awaited_of_[waiter].insert(awaited); }

  [[nodiscard]] bool empty() const noexcept { return awaited_of_.empty(); }
  [[nodiscard]] bool waits(RankId waiter, RankId awaited) const;
  // The ranks that `rank` waits for, also through others; `rank` itself when it is on a ring.
  [[nodiscard]] std::set<RankId> reachable(RankId rank) const;
  // Whether waits end at `rank`: everything that it waits for, waits for it too.
  [[nodiscard]] bool is_end(RankId rank) const;
  // The first rank, in order of numbers, at which the waits of `rank` end; `rank` when it is an
  // end.
  [[nodiscard]] RankId end_of(RankId rank) const;

 private:
  std::map<RankId, std::set<RankId>> awaited_of_;
};

}  // namespace switchyard::control
