// runtime/placement/planners/layer_affinity.h -- brings experts that tokens choose together onto
// the same rank: fewer ranks per token, so fewer rows to send. Thread safety: functions without
// state.
#pragma once

#include <span>

#include "runtime/placement/planners/layer_packing.h"

namespace switchyard::placement {

// together [experts, experts]: how often a token chose both. Exchanges pairs of copies while that
// raises the sum of `together` over pairs that share a rank and leaves every rank at or below
// time_max and no expert's shortfall larger: local search on the cut of the co-activation graph
// with fixed part sizes (Kernighan, Lin 1970), the measure of Occult (2505.13345). Fixed order of
// pairs, a bounded number of sweeps.
void gather_partners(LayerPacking& packing, std::span<const std::uint32_t> together,
                     double time_max);

}  // namespace switchyard::placement
