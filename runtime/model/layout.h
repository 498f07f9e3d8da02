// runtime/model/layout.h -- what a model costs: parameters, bytes in memory, FLOPs per token.
// Pure arithmetic on a validated ModelConfig; padding of packed weights is not counted.
// FLOPs: a multiply and an add are two; attention scores, norms and activations are left out.
// Thread safety: functions are pure; safe.
#pragma once

#include <cstddef>

#include "kernels/device.h"
#include "runtime/model/model_config.h"

namespace switchyard::model {

struct LayoutOptions {
  kernels::Precision precision = kernels::Precision::kBf16;
  DType stored = DType::kBf16;       // the embedding table is kept as the checkpoint stores it
  std::size_t experts_per_rank = 0;  // of each sparse layer, on one expert rank
};

struct ModelLayout {
  std::size_t parameters_total = 0;   // a tied embedding counts once
  std::size_t parameters_active = 0;  // used for one token at experts_per_token
  std::size_t parameters_per_expert = 0;
  // Everything but the experts: embedding table and head, attention, dense MLPs (operand type),
  // gates and norms (fp32).
  std::size_t router_bytes = 0;
  std::size_t expert_bytes = 0;        // one expert of one layer
  std::size_t expert_rank_bytes = 0;   // experts_per_rank experts in every sparse layer
  std::size_t kv_bytes_per_token = 0;  // keys and values of all layers
};

[[nodiscard]] ModelLayout compute_layout(const ModelConfig& config, const LayoutOptions& options);

// FLOPs of one token through the whole model.
struct TokenFlops {
  double experts = 0;    // 6 d f for each (token, expert), all sparse layers
  double attention = 0;  // projections: 2 d (H + 2 G) h + 2 H h d, all layers
  double gate = 0;       // 2 d E, all sparse layers
  double dense = 0;      // 6 d f of the layers without experts
  double head = 0;       // 2 d V
  [[nodiscard]] double total() const noexcept { return experts + attention + gate + dense + head; }
};

// `mean_experts`: experts per token and sparse layer, averaged.
[[nodiscard]] TokenFlops flops_per_token(const ModelConfig& config, double mean_experts);

// Three answers to "how much was saved", in FLOPs, as fractions; negative when more was spent.
struct Savings {
  double vs_dense = 0;   // 1 - mean_experts / E: against running all experts
  double vs_static = 0;  // 1 - mean_experts / experts_per_token: against the checkpoint's own top-k
  double total = 0;      // vs_static, but of the whole model: attention, gate and head included
};

[[nodiscard]] Savings compute_savings(const ModelConfig& config, double mean_experts);

}  // namespace switchyard::model
