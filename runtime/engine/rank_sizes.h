// runtime/engine/rank_sizes.h -- the sizes of a rank's buffers, from the options and the model in
// one place. Both sides of an exchange must come to the same ones. Thread safety: functions without
// state.
#pragma once

#include "runtime/engine/cluster_options.h"
#include "runtime/engine/engine.h"
#include "runtime/model/model_config.h"
#include "runtime/moe/data_plane.h"

namespace switchyard::engine {

// What the sizes depend on besides options and model.
struct WorldFacts {
  std::size_t routers = 1;               // that may send to one expert rank
  std::size_t experts_per_rank_max = 0;  // of one layer
  std::size_t micro_batches = 1;
};

struct RankSizes {
  EngineOptions engine;
  moe::DataPlaneOptions plane;
  std::size_t batch_pairs_max = 0;  // pairs of one FFN batch on an expert rank
};

// Errors: kLimit naming the key that does not fit.
[[nodiscard]] Result<RankSizes> make_rank_sizes(const ClusterOptions& options,
                                                const model::ModelConfig& config,
                                                const WorldFacts& world);

}  // namespace switchyard::engine
