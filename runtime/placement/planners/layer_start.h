// runtime/placement/planners/layer_start.h -- placements of one layer to improve on: a fresh one by
// greedy packing, or the previous one with what it lacks put right. Thread safety: functions
// without state.
#pragma once

#include "runtime/placement/planners/layer_packing.h"

namespace switchyard::placement {

// How many copies each expert gets: copies_min, and with kTokens each further slot to the expert
// whose copies carry most (least-largest-share apportionment), equals by fewest copies, then id.
// With kActivated a copy more is a weight more to read, so the search adds them where they help.
// Then the copies by descending cost, each onto the rank that is done first with it (LPT for
// machines of unequal speed: Graham 1969; Gonzalez, Ibarra, Sahni 1977), among those that bring the
// expert to most hosts, zones and regions it lacks. Where a copy finds no rank, others make room
// along an augmenting path (Kuhn 1955).
// Errors: kConfig where an expert misses a region or a copy.
[[nodiscard]] Result<void> fill_fresh(LayerPacking& packing, Objective objective);

// The previous copies on ranks that are still there, experts with fewest of them first; then copies
// for experts that have too few, and moves for those that lack a host, zone or region.
[[nodiscard]] Result<void> fill_from_previous(LayerPacking& packing, const Placement& previous,
                                              std::size_t layer);

}  // namespace switchyard::placement
