#include "runtime/engine/rank_sizes.h"

#include <algorithm>

namespace switchyard::engine {
namespace {

// Below this many rows a step is not split: two half-empty micro-batches would make every expert
// rank read its weights twice.
constexpr std::size_t kMicroBatchTokensMin = 64;
constexpr std::size_t kKvBytesDefaultMax = std::size_t{4} << 30;

std::size_t kv_page_bytes(const model::ModelConfig& config, kernels::Precision precision) {
  return 2 * config.layers * config.kv_heads * config.head_size * kernels::kKvPageTokens *
         size_bytes(kernels::operand_dtype(precision));
}

Result<std::size_t> context_of(const ClusterOptions& options, const model::ModelConfig& config) {
  if (options.limits.context == 0) return config.context_max;
  if (options.limits.context > config.context_max) {
    return fail(ErrorCode::kLimit, "engine.context {} is above the model's {}",
                options.limits.context, config.context_max);
  }
  return options.limits.context;
}

}  // namespace

Result<KvSize> kv_size(const ClusterOptions& options, const model::ModelConfig& config) {
  SY_ASSIGN(const std::size_t context, context_of(options, config));
  const std::size_t page_bytes = kv_page_bytes(config, options.device.precision);
  const std::size_t wanted = options.limits.sequences_max * KvPages::pages_for(context);
  const std::size_t bytes_max =
      options.kv_bytes_max != 0 ? options.kv_bytes_max : kKvBytesDefaultMax;
  const std::size_t pages = std::min(wanted, bytes_max / page_bytes);
  if (pages == 0) {
    return fail(ErrorCode::kLimit, "engine.kv_mib: {} bytes hold no KV page of {} bytes", bytes_max,
                page_bytes);
  }
  return KvSize{pages, page_bytes};
}

std::size_t positions_max(const EngineOptions& options) {
  return std::min(options.limits.context, options.kv_pages * kernels::kKvPageTokens);
}

Result<RankSizes> make_rank_sizes(const ClusterOptions& options, const model::ModelConfig& config,
                                  const WorldFacts& world) {
  RankSizes sizes;
  auto& engine = sizes.engine;
  engine.limits = options.limits;
  engine.limits.vocab = config.vocab;
  SY_ASSIGN(engine.limits.context, context_of(options, config));
  SY_ASSIGN(const KvSize kv, kv_size(options, config));
  engine.kv_pages = kv.pages;
  engine.micro_batches = world.micro_batches;
  engine.micro_batch_tokens_min = options.micro_batches != 0 ? 1 : kMicroBatchTokensMin;

  const DType operand = kernels::operand_dtype(options.device.precision);
  auto& plane = sizes.plane;
  plane.tokens_max = micro_batch_tokens_max(engine);
  plane.k_max = options.k_max == 0 ? config.experts : std::min(options.k_max, config.experts);
  plane.exchange_deadline = options.exchange_deadline;
  plane.gather_window = options.gather_window;
  plane.replica_choice = options.replica_choice;
  plane.breaker = options.breaker;
  plane.breaker_timeout = options.breaker_timeout;
  plane.ramp_steps = options.ramp_steps;
  plane.link_costs = options.link_costs;
  plane.spill_over = options.spill_over;
  plane.wire = {config.hidden,
                config.moe_layer_count(),
                config.experts,
                plane.tokens_max,
                plane.tokens_max * std::min(plane.k_max, world.experts_per_rank_max),
                engine.micro_batches,
                operand,
                options.wire.value_or(operand)};
  sizes.batch_pairs_max = world.routers * engine.micro_batches * plane.wire.pairs_max;
  return sizes;
}

}  // namespace switchyard::engine
