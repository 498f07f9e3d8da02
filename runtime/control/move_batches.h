// runtime/control/move_batches.h -- the way from one placement to another as a row of views, each
// of which loads few copies: the moves of placement/rebalance_moves.h, cut into batches. No table
// on the way has fewer copies of an expert than both ends have, nor leaves a group of ranks without
// an expert that it has at both ends; a drop that would waits for a later batch. Pure. Not the
// decision (balancer.h). Thread safety: distinct objects: safe; shared objects: unsafe.
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "runtime/control/placement_repair.h"
#include "runtime/placement/rebalance_moves.h"

namespace switchyard::control {

class MoveBatches {
 public:
  // Both over the same ranks, all alive. groups: ranks among which every expert has a copy.
  // Errors: those of placement::order_moves().
  [[nodiscard]] static Result<MoveBatches> create(const placement::Placement& now,
                                                  const placement::Placement& goal,
                                                  std::vector<RankId> ranks,
                                                  std::vector<std::set<RankId>> groups);

  // The table with the next batch done: copies_max loads at most, and the drops that go with them.
  // The same again until take(). Only while !done().
  [[nodiscard]] const CopyTable& next(std::size_t copies_max);
  // The view of the last next() is followed by all.
  void take();

  [[nodiscard]] bool done() const noexcept {
    return at_.first == moves_.size() && at_.late.empty();
  }
  [[nodiscard]] std::size_t loads() const noexcept { return loads_; }
  [[nodiscard]] std::size_t loads_done() const noexcept { return at_.loads; }

 private:
  struct At {
    CopyTable table;
    std::size_t first = 0;              // move that is not done
    std::vector<placement::Move> late;  // drops that were not safe yet, in order
    std::size_t loads = 0;
  };
  MoveBatches() = default;
  [[nodiscard]] bool may_drop(const CopyTable& table, const placement::Move& drop) const;
  void drop_late(At& at) const;

  std::vector<placement::Move> moves_;
  std::vector<std::set<RankId>> groups_;
  CopyTable goal_;
  std::vector<std::size_t> copies_before_;  // [layers * experts]
  std::size_t loads_ = 0;
  At at_;
  std::optional<At> tried_;
};

}  // namespace switchyard::control
