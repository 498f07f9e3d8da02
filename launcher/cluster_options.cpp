// The mapping from configuration keys to the engine's options and to a weight source.
#include "launcher/cluster_run.h"
#include "runtime/config/config_rules.h"
#include "runtime/placement/link_costs.h"

namespace switchyard::launcher {
namespace {

Result<kernels::Precision> precision_of(const std::string& name) {
  if (name == "bf16") return kernels::Precision::kBf16;
  if (name == "fp32") return kernels::Precision::kFp32;
  return fail(ErrorCode::kConfig, "device.precision: '{}' is unknown; use bf16 or fp32", name);
}

std::optional<DType> wire_of(const std::string& name) {
  if (name == "bf16") return DType::kBf16;
  if (name == "fp32") return DType::kF32;
  return std::nullopt;
}

Result<model::ModelConfig> random_shape(const config::ModelSection& section) {
  model::ModelConfig model;
  model.family = section.family;
  model.vocab = section.vocab;
  model.hidden = section.hidden;
  model.layers = section.layers;
  model.heads = section.heads;
  model.kv_heads = section.kv_heads;
  model.head_size = section.head_size;
  model.context_max = section.context_max;
  model.experts = section.experts;
  model.experts_per_token = section.experts_per_token;
  model.expert_inner = section.expert_inner;
  model.moe_layer.assign(section.layers, true);
  if (section.family == "qwen3_moe") model.qk_norm = kernels::QkNorm::kPerHead;
  if (section.family == "olmoe") {
    model.qk_norm = kernels::QkNorm::kWholeRow;
    model.norm_topk_prob = false;
  }
  SY_TRY(model.validate());
  return model;
}

}  // namespace

Result<engine::ClusterOptions> cluster_options(const config::RunConfig& run) {
  engine::ClusterOptions options;
  options.routers = run.cluster.routers == 0 ? 1 : run.cluster.routers;
  options.colocation =
      run.cluster.colocate ? engine::Colocation::kTogether : engine::Colocation::kApart;
  options.placement = run.cluster.placement;
  options.replicas = run.cluster.replicas;
  options.replica_choice = run.cluster.replica_choice;
  SY_TRY(placement::parse_link_costs(run.cluster.link_costs));
  options.link_costs = run.cluster.link_costs;
  options.spill_over = run.cluster.spill_over;
  options.wire = wire_of(run.cluster.wire);
  options.micro_batches = run.cluster.micro_batches;
  options.exchange_deadline = std::chrono::milliseconds(run.cluster.exchange_deadline_ms);
  options.gather_window = std::chrono::microseconds(run.cluster.gather_window_us);
  options.device_name = run.device.name;
  options.breaker.failures_max = static_cast<std::uint32_t>(run.cluster.breaker_failures);
  options.breaker.open_time = std::chrono::milliseconds(run.cluster.breaker_open_ms);
  options.breaker.probe_time_max =
      std::max<Duration>(options.breaker.probe_time_max,
                         std::chrono::milliseconds(2 * run.cluster.breaker_timeout_ms));
  options.breaker_timeout = std::chrono::milliseconds(run.cluster.breaker_timeout_ms);
  options.ramp_steps = run.cluster.ramp_steps;
  SY_ASSIGN(options.device.precision, precision_of(run.device.precision));
  options.device.isa = run.device.isa;
  options.device.cuda_gemm =
      run.device.cuda_gemm == "cublas" ? kernels::CudaGemm::kCublas : kernels::CudaGemm::kInvariant;
  options.device.threads = run.device.threads;
  options.limits.sequences_max = run.engine.sequences_max;
  options.limits.chunk_tokens = run.engine.chunk_tokens;
  options.limits.step_tokens_max = run.engine.step_tokens_max;
  options.limits.context = run.engine.context;
  options.kv_bytes_max = run.engine.kv_mib << 20;
  options.timeline_spans = run.log.trace_out.empty() ? 0 : run.log.trace_spans;
  return options;
}

Result<std::unique_ptr<model::WeightSource>> open_weights(const config::EffectiveConfig& config) {
  SY_TRY(config::check_model_given(config));
  if (!config.run.model.path.empty()) return model::open_checkpoint(config.run.model.path);
  SY_ASSIGN(const auto shape, random_shape(config.run.model));
  return model::make_random_weights(shape, config.run.model.seed);
}

std::size_t configured_k_max(const config::RunConfig& run, const model::ModelConfig& model) {
  return routing::largest_k(run.routing.spec, engine::convention_of(model)).value_or(0);
}

}  // namespace switchyard::launcher
