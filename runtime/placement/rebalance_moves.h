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

// Layer by layer. With one spare slot no drop leaves a gap: at most one rank at a time holds more
// than its slots, and an expert that it is to lose is loaded next, where it is to go. Experts that
// have no living copy are loaded first. A drop waits until its rank needs the room, else for the
// end of the layer. Copies on dead ranks are gone already and are not dropped.
// Errors: kConfig where the plan does not fit the slots or uses a rank that is dead or not listed.
[[nodiscard]] Result<std::vector<Move>> order_moves(const Placement& now, const Placement& plan,
                                                    const MoveRoom& room);

}  // namespace switchyard::placement
