// runtime/config/config_rules.h -- rules between keys; ranges of single keys are in key_table.h.
// Each message names the keys and where their values came from.
// Thread safety: shared objects safe (free functions).
#pragma once

#include <cstddef>

#include "runtime/base/error.h"
#include "runtime/config/config_sources.h"

namespace switchyard::config {

// What holds for every command. load_config calls it. Errors: kConfig.
[[nodiscard]] Result<void> check_rules(const EffectiveConfig& config);

// What holds once mpirun has said how many ranks there are: --ranks says nothing else.
// Errors: kConfig.
[[nodiscard]] Result<void> check_launched_world(const EffectiveConfig& config,
                                                std::size_t rank_count);

// What holds once the number of ranks is known (under mpirun: the size of the world).
// Errors: kConfig.
[[nodiscard]] Result<void> check_world(const EffectiveConfig& config, std::size_t rank_count);

// For commands that need a model: a checkpoint directory, or a complete and consistent shape.
// Errors: kConfig.
[[nodiscard]] Result<void> check_model_given(const EffectiveConfig& config);

}  // namespace switchyard::config
