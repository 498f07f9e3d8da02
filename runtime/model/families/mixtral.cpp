// Mixtral: no q/k norm; the weights of the selected experts always sum to one.
#include "runtime/model/families/common_config.h"
#include "runtime/model/families/common_names.h"
#include "runtime/model/weight_shape.h"

namespace switchyard::model {
namespace {

Result<ModelConfig> read_config(const JsonFields& config) {
  SY_ASSIGN(
      ModelConfig model,
      read_common_config(config, {.rope_theta = 1e6, .norm_eps = 1e-5, .aux_loss_coef = 0.001}));
  SY_TRY(config.count("num_key_value_heads"));
  model.qk_norm = kernels::QkNorm::kNone;
  SY_ASSIGN(model.experts, config.count("num_local_experts"));
  SY_ASSIGN(model.expert_inner, config.count("intermediate_size"));
  model.norm_topk_prob = true;
  return model;
}

std::string_view expert_name(WeightRole role) {
  if (role == WeightRole::kExpertGate) return "w1";
  return role == WeightRole::kExpertUp ? "w3" : "w2";
}

// Files of transformers 5 may say mlp for block_sparse_moe and fuse the experts.
std::vector<TensorSlice> locate(const ModelConfig& config, const WeightId& id) {
  const std::string layer = fmt::format("model.layers.{}", id.layer);
  if (id.role == WeightRole::kGate) {
    return {whole_tensor(config, id.role, layer + ".block_sparse_moe.gate.weight"),
            whole_tensor(config, id.role, layer + ".mlp.gate.weight")};
  }
  if (!is_expert(id.role)) return locate_common(config, id);
  return {whole_tensor(config, id.role,
                       fmt::format("{}.block_sparse_moe.experts.{}.{}.weight", layer, id.expert,
                                   expert_name(id.role))),
          fused_expert(config, id, layer + ".block_sparse_moe.experts"),
          fused_expert(config, id, layer + ".mlp.experts")};
}

}  // namespace

const Family& mixtral_family() {
  static constexpr Family family = {"mixtral", "MixtralForCausalLM", read_config, locate};
  return family;
}

}  // namespace switchyard::model
