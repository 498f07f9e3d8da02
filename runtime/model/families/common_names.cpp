#include "runtime/model/families/common_names.h"

#include "runtime/model/weight_shape.h"

namespace switchyard::model {
namespace {

// Name inside a layer, empty for roles that differ between families.
std::string_view layer_name(WeightRole role) {
  switch (role) {
    case WeightRole::kAttentionNorm: return "input_layernorm.weight";
    case WeightRole::kMoeNorm: return "post_attention_layernorm.weight";
    case WeightRole::kQuery: return "self_attn.q_proj.weight";
    case WeightRole::kKey: return "self_attn.k_proj.weight";
    case WeightRole::kValue: return "self_attn.v_proj.weight";
    case WeightRole::kAttentionOut: return "self_attn.o_proj.weight";
    case WeightRole::kQueryNorm: return "self_attn.q_norm.weight";
    case WeightRole::kKeyNorm: return "self_attn.k_norm.weight";
    case WeightRole::kDenseGate: return "mlp.gate_proj.weight";
    case WeightRole::kDenseUp: return "mlp.up_proj.weight";
    case WeightRole::kDenseDown: return "mlp.down_proj.weight";
    default: return "";
  }
}

std::string_view expert_name(WeightRole role) {
  if (role == WeightRole::kExpertGate) return "gate_proj";
  return role == WeightRole::kExpertUp ? "up_proj" : "down_proj";
}

}  // namespace

TensorSlice whole_tensor(const ModelConfig& config, WeightRole role, std::string name) {
  const WeightShape shape = weight_shape(config, role);
  if (is_norm(role)) return {std::move(name), {shape.in}, 0};
  return {std::move(name), {shape.out, shape.in}, 0};
}

std::vector<TensorSlice> locate_common(const ModelConfig& config, const WeightId& id) {
  const auto whole = [&](std::string name) {
    return std::vector{whole_tensor(config, id.role, std::move(name))};
  };
  if (id.role == WeightRole::kEmbedding) return whole("model.embed_tokens.weight");
  if (id.role == WeightRole::kFinalNorm) return whole("model.norm.weight");
  if (id.role == WeightRole::kHead) {
    return whole(config.tied_embeddings ? "model.embed_tokens.weight" : "lm_head.weight");
  }
  const std::string_view name = layer_name(id.role);
  if (name.empty()) return {};
  return whole(fmt::format("model.layers.{}.{}", id.layer, name));
}

TensorSlice fused_expert(const ModelConfig& config, const WeightId& id, const std::string& prefix) {
  const std::size_t matrix = config.hidden * config.expert_inner;
  if (id.role == WeightRole::kExpertDown) {
    return {prefix + ".down_proj",
            {config.experts, config.hidden, config.expert_inner},
            id.expert * matrix};
  }
  const std::size_t skip = id.role == WeightRole::kExpertUp ? matrix : 0;
  return {prefix + ".gate_up_proj",
          {config.experts, 2 * config.expert_inner, config.hidden},
          2 * id.expert * matrix + skip};
}

std::vector<TensorSlice> locate_mlp_experts(const ModelConfig& config, const WeightId& id) {
  const std::string mlp = fmt::format("model.layers.{}.mlp", id.layer);
  if (id.role == WeightRole::kGate) {
    return {whole_tensor(config, id.role, mlp + ".gate.weight")};
  }
  if (!is_expert(id.role)) return locate_common(config, id);
  return {
      whole_tensor(config, id.role,
                   fmt::format("{}.experts.{}.{}.weight", mlp, id.expert, expert_name(id.role))),
      fused_expert(config, id, mlp + ".experts")};
}

}  // namespace switchyard::model
