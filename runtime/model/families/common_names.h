// runtime/model/families/common_names.h -- tensor names that the families share.
// Pure functions; thread-safe.
#pragma once

#include <string>
#include <vector>

#include "runtime/model/families/family.h"

namespace switchyard::model {

// The whole tensor `name` as this weight: [out, in], or [n] for a norm's gain.
[[nodiscard]] TensorSlice whole_tensor(const ModelConfig& config, WeightRole role,
                                       std::string name);

// embed_tokens, lm_head, norms, attention projections and dense MLPs; empty for the gate and
// experts.
[[nodiscard]] std::vector<TensorSlice> locate_common(const ModelConfig& config, const WeightId& id);

// An expert role inside the fused tensors <prefix>.gate_up_proj [E, 2f, d] (gate rows, then up
// rows) and <prefix>.down_proj [E, d, f].
[[nodiscard]] TensorSlice fused_expert(const ModelConfig& config, const WeightId& id,
                                       const std::string& prefix);

// Qwen3-MoE and OLMoE: mlp.gate.weight, mlp.experts.{e}.{gate,up,down}_proj.weight, or fused.
[[nodiscard]] std::vector<TensorSlice> locate_mlp_experts(const ModelConfig& config,
                                                          const WeightId& id);

}  // namespace switchyard::model
