// runtime/control/region_slots.h -- room for a copy of every expert in each region: how many copies
// each rank must be able to hold in a layer, where regions have different numbers of ranks. Not who
// holds what (runtime/placement). Thread safety: a function without state.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace switchyard::control {

// `regions`: of each rank. As few slots, as evenly spread, as hold `copies` of every expert (at
// least one for each region, at most one for each rank) and all experts in each region; [ranks].
[[nodiscard]] std::vector<std::size_t> region_slots(const std::vector<std::string>& regions,
                                                    std::size_t experts, std::size_t copies);

}  // namespace switchyard::control
