#include "runtime/model/layout.h"

#include "runtime/model/weight_shape.h"

namespace switchyard::model {
namespace {

// Bytes of one element of a non-expert weight on a router.
std::size_t element_bytes(WeightRole role, const LayoutOptions& options) {
  if (role == WeightRole::kEmbedding) return size_bytes(options.stored);
  if (role == WeightRole::kGate || is_norm(role)) return size_bytes(DType::kF32);
  return size_bytes(kernels::operand_dtype(options.precision));
}

}  // namespace

ModelLayout compute_layout(const ModelConfig& config, const LayoutOptions& options) {
  ModelLayout layout;
  const std::size_t operand_bytes = size_bytes(kernels::operand_dtype(options.precision));
  layout.parameters_per_expert = 3 * config.hidden * config.expert_inner;
  layout.expert_bytes = layout.parameters_per_expert * operand_bytes;
  std::size_t expert_parameters = 0;
  for (const WeightId& id : list_weights(config)) {
    const std::size_t elements = weight_shape(config, id.role).elements();
    layout.parameters_total += elements;
    if (is_expert(id.role)) {
      expert_parameters += elements;
    } else {
      layout.router_bytes += elements * element_bytes(id.role, options);
    }
  }
  if (config.tied_embeddings) {
    // The head is packed in the device's order beside the table that rows are looked up in.
    layout.router_bytes += weight_shape(config, WeightRole::kHead).elements() * operand_bytes;
  }
  const std::size_t sparse_layers = config.moe_layer_count();
  layout.parameters_active =
      layout.parameters_total - expert_parameters +
      sparse_layers * config.experts_per_token * layout.parameters_per_expert;
  layout.expert_rank_bytes = sparse_layers * options.experts_per_rank * layout.expert_bytes;
  layout.kv_bytes_per_token =
      2 * config.layers * config.kv_heads * config.head_size * operand_bytes;
  return layout;
}

TokenFlops flops_per_token(const ModelConfig& config, double mean_experts) {
  const auto extent = [](std::size_t value) { return static_cast<double>(value); };
  const double hidden = extent(config.hidden);
  const double sparse_layers = extent(config.moe_layer_count());
  const double dense_layers = extent(config.layers) - sparse_layers;
  const double projection_rows =
      extent((2 * config.heads + 2 * config.kv_heads) * config.head_size);
  TokenFlops flops;
  flops.experts = sparse_layers * mean_experts * 6 * hidden * extent(config.expert_inner);
  flops.attention = extent(config.layers) * 2 * hidden * projection_rows;
  flops.gate = sparse_layers * 2 * hidden * extent(config.experts);
  flops.dense = dense_layers * 6 * hidden * extent(config.dense_inner);
  flops.head = 2 * hidden * extent(config.vocab);
  return flops;
}

Savings compute_savings(const ModelConfig& config, double mean_experts) {
  const auto static_experts = static_cast<double>(config.experts_per_token);
  Savings savings;
  savings.vs_dense = 1 - mean_experts / static_cast<double>(config.experts);
  savings.vs_static = 1 - mean_experts / static_experts;
  savings.total = 1 - flops_per_token(config, mean_experts).total() /
                          flops_per_token(config, static_experts).total();
  return savings;
}

}  // namespace switchyard::model
