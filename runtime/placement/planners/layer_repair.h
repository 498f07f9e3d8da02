// runtime/placement/planners/layer_repair.h -- puts right what a packing lacks: hosts, zones and
// regions that an expert's copies must reach, slots for experts that have too few copies.
// Thread safety: functions without state.
#pragma once

#include "runtime/placement/planners/layer_packing.h"

namespace switchyard::placement {

// Moves, exchanges or replaces copies as long as that brings an expert to a host, zone or region it
// lacks and takes none from another; of several ways the one with the least time of both ranks.
void repair_spread(LayerPacking& packing);

// Drops copies beyond copies_min, cheapest first, until the free slots hold what is missing.
void give_up_spare_copies(LayerPacking& packing);

}  // namespace switchyard::placement
