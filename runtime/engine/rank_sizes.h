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

// The KV cache of a router rank, as the options and the model would have it.
struct KvSize {
  std::size_t pages = 0;
  std::size_t page_bytes = 0;
};
// Errors: kLimit naming the key that does not fit.
[[nodiscard]] Result<KvSize> kv_size(const ClusterOptions& options,
                                     const model::ModelConfig& config);

// The positions that one sequence can have: its context, or what the whole KV cache holds.
[[nodiscard]] std::size_t positions_max(const EngineOptions& options);

// Errors: kLimit naming the key that does not fit.
[[nodiscard]] Result<RankSizes> make_rank_sizes(const ClusterOptions& options,
                                                const model::ModelConfig& config,
                                                const WorldFacts& world);

}  // namespace switchyard::engine
