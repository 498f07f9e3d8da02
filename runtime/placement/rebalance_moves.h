// runtime/placement/rebalance_moves.h -- the way from one placement to another, one expert at a
// time: which rank loads which expert and which drops one, in an order in which every expert stays
// reachable and no rank holds more than it has room for. Thread safety: functions without state.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/placement/plan_request.h"

namespace switchyard::placement {

struct Move {
  enum class Kind : std::uint8_t { kLoad, kDrop };
  Kind kind = Kind::kLoad;
  std::size_t layer = 0;
  ExpertId expert;
  RankId rank;
  // A drop after which the expert is on no living rank until a later load: room had to be made.
  bool leaves_gap = false;
};

struct MoveRoom {
  std::span<const RankId> ranks;       // all that either placement names
  std::span<const RankTraits> traits;  // [ranks]: slots (0: none) and alive
  std::size_t spare = 1;               // slots beyond those while moving, in one layer of each rank
};

// Layer by layer. Experts that have no living copy are loaded first. A drop waits until its rank
// holds more than its slots, else for the end of the layer. Copies on dead ranks are gone already
// and are not dropped. With a spare slot no drop leaves a gap, for no load can find every rank it
// could go to full with copies that exist nowhere else: such a rank would have more to drop than to
// load, and each of those experts would have a load of its own waiting for one of these ranks.
// Errors: kConfig where the plan does not fit the slots or uses a rank that is dead or not listed.
[[nodiscard]] Result<std::vector<Move>> order_moves(const Placement& now, const Placement& plan,
                                                    const MoveRoom& room);

}  // namespace switchyard::placement
