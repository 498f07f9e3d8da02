#include "runtime/config/config_rules.h"

#include <algorithm>

namespace switchyard::config {
namespace {

// "cluster.routers (--routers) is 4, more than cluster.ranks (default), 2"
Unexpected more_than(const EffectiveConfig& config, std::string_view larger,
                     std::string_view smaller) {
  return fail(ErrorCode::kConfig, "{} is {}, more than {}, {}", config.blame(larger),
              config.entry(larger).value, config.blame(smaller), config.entry(smaller).value);
}

Result<void> check_shape(const EffectiveConfig& config) {
  const ModelSection& model = config.run.model;
  for (const char* name : {"hidden", "layers", "heads", "kv_heads", "head_size", "vocab", "experts",
                           "experts_per_token", "expert_inner"}) {
    const std::string key = fmt::format("model.{}", name);
    if (config.entry(key).value == "0") {
      return fail(ErrorCode::kConfig,
                  "{} is 0: a model of random weights needs every size (or give model.path)",
                  config.blame(key));
    }
  }
  if (model.heads % model.kv_heads != 0) {
    return fail(ErrorCode::kConfig, "{} is {}, not a multiple of {}, {}",
                config.blame("model.heads"), model.heads, config.blame("model.kv_heads"),
                model.kv_heads);
  }
  if (model.head_size % 2 != 0) {
    return fail(ErrorCode::kConfig, "{} is {}, expected an even number (rotary embedding)",
                config.blame("model.head_size"), model.head_size);
  }
  if (model.experts_per_token > model.experts) {
    return more_than(config, "model.experts_per_token", "model.experts");
  }
  if (config.run.engine.context > model.context_max) {
    return more_than(config, "engine.context", "model.context_max");
  }
  return {};
}

Result<void> check_tls(const EffectiveConfig& config) {
  const TlsSection& tls = config.run.tls;
  if (tls.certificate.empty() && tls.key.empty() && tls.authority.empty()) return {};
  for (const char* key : {"tls.certificate", "tls.key", "tls.authority"}) {
    if (!config.entry(key).value.empty()) continue;
    return fail(ErrorCode::kConfig,
                "{} is empty: TLS needs certificate, key and authority "
                "(--tls-cert, --tls-key, --tls-ca), or none of them",
                config.blame(key));
  }
  return {};
}

}  // namespace

Result<void> check_rules(const EffectiveConfig& config) {
  const RunConfig& run = config.run;
  if (run.sampling.top_p <= 0) {
    return fail(ErrorCode::kConfig, "{} is {}, expected a number in (0, 1]",
                config.blame("sampling.top_p"), run.sampling.top_p);
  }
  if (run.cluster.transport == "mpi" && run.cluster.ranks != 0) {
    return fail(
        ErrorCode::kConfig, "{} is {}, but with {} mpi the number of ranks is mpirun's (-n)",
        config.blame("cluster.ranks"), run.cluster.ranks, config.blame("cluster.transport"));
  }
  if (run.cluster.ranks != 0) SY_TRY(check_world(config, run.cluster.ranks));
  if (run.engine.sequences_max > run.engine.step_tokens_max) {
    return more_than(config, "engine.sequences_max", "engine.step_tokens_max");
  }
  if (run.engine.chunk_tokens > run.engine.step_tokens_max) {
    return more_than(config, "engine.chunk_tokens", "engine.step_tokens_max");
  }
  return check_tls(config);
}

Result<void> check_world(const EffectiveConfig& config, std::size_t rank_count) {
  const ClusterSection& cluster = config.run.cluster;
  if (cluster.routers > rank_count) {
    return fail(ErrorCode::kConfig, "{} is {}, but there are {} ranks",
                config.blame("cluster.routers"), cluster.routers, rank_count);
  }
  if (cluster.replicas > rank_count) {
    return fail(ErrorCode::kConfig,
                "{} is {}, but there are {} ranks, and copies are on distinct ranks",
                config.blame("cluster.replicas"), cluster.replicas, rank_count);
  }
  // Where no rank is left for experts, the view that is built of this says so.
  const bool together = cluster.colocate || rank_count == 1;
  const std::size_t routers = std::max<std::size_t>(1, cluster.routers);
  const std::size_t holders = together ? rank_count : rank_count - routers;
  if (holders > 0 && cluster.replicas > holders) {
    return fail(ErrorCode::kConfig,
                "{} is {}, but there are {} expert ranks ({} ranks, {} routers without experts), "
                "and copies are on distinct ranks",
                config.blame("cluster.replicas"), cluster.replicas, holders, rank_count, routers);
  }
  return {};
}

Result<void> check_launched_world(const EffectiveConfig& config, std::size_t rank_count) {
  const std::size_t wanted = config.run.cluster.ranks;
  if (wanted == 0 || wanted == rank_count) return {};
  return fail(ErrorCode::kConfig, "{} is {}, but mpirun has started {} ranks (-n)",
              config.blame("cluster.ranks"), wanted, rank_count);
}

Result<void> check_model_given(const EffectiveConfig& config) {
  if (!config.run.model.path.empty()) return {};
  if (config.run.model.hidden == 0) {
    return fail(ErrorCode::kConfig,
                "no model: give a checkpoint directory (--model DIR), a preset (--preset demo) or "
                "the sizes of a random one (section model)");
  }
  return check_shape(config);
}

}  // namespace switchyard::config
