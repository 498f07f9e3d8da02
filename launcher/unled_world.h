// launcher/unled_world.h -- what a run without a controller lacks, and which of its ranks lack
// work: ranks of plain mpirun, or threads. Words only; the run itself is cluster_run.h. Thread
// safety: pure functions.
#pragma once

#include <string>

#include "runtime/config/config_sources.h"

namespace switchyard::launcher {

// One sentence for the user of several processes under plain mpirun.
[[nodiscard]] std::string unled_world_note();

// A sentence on the settings that differ from their defaults and that only a controller could
// honour, with where they came from. Empty: nothing is ignored.
[[nodiscard]] std::string ignored_settings(const config::EffectiveConfig& config);

// A sentence where some of `rank_count` ranks can hold no expert of a layer, because there are
// fewer copies than expert ranks. Empty: there is work for all. After check_world().
[[nodiscard]] std::string idle_ranks(const config::ClusterSection& cluster, std::size_t experts,
                                     std::size_t rank_count);

}  // namespace switchyard::launcher
