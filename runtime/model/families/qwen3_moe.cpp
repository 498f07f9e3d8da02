// Qwen3-MoE: q and k normed per head before RoPE, softmax router with renormalised weights, some
// layers may be dense.
#include "runtime/model/families/common_config.h"
#include "runtime/model/families/common_names.h"

namespace switchyard::model {
namespace {

// Layer L is sparse iff it is not in mlp_only_layers and (L + 1) % decoder_sparse_step == 0.
Result<void> mark_sparse_layers(const JsonFields& config, ModelConfig& model) {
  SY_ASSIGN(const std::size_t step, config.count_or("decoder_sparse_step", 1));
  SY_ASSIGN(const std::vector<std::size_t> dense, config.counts("mlp_only_layers"));
  if (step == 0) return config.problem(ErrorCode::kBadInput, "decoder_sparse_step", "0");
  for (std::size_t layer = 0; layer < model.layers; ++layer) {
    model.moe_layer[layer] = (layer + 1) % step == 0;
  }
  for (const std::size_t layer : dense) {
    if (layer >= model.layers) {
      return config.problem(ErrorCode::kBadInput, "mlp_only_layers",
                            fmt::format("layer {} of {}", layer, model.layers));
    }
    model.moe_layer[layer] = false;
  }
  return {};
}

Result<ModelConfig> read_config(const JsonFields& config) {
  SY_ASSIGN(ModelConfig model, read_common_config(config, {.rope_theta = 10000.0,
                                                           .norm_eps = 1e-6,
                                                           .aux_loss_coef = 0.001,
                                                           .use_sliding_window = false}));
  SY_TRY(config.count("num_key_value_heads"));
  model.qk_norm = kernels::QkNorm::kPerHead;
  SY_ASSIGN(model.experts, config.count("num_experts"));
  SY_ASSIGN(model.expert_inner, config.count("moe_intermediate_size"));
  SY_ASSIGN(model.norm_topk_prob, config.flag_or("norm_topk_prob", false));
  SY_TRY(mark_sparse_layers(config, model));
  if (model.moe_layer_count() < model.layers) {
    SY_ASSIGN(model.dense_inner, config.count("intermediate_size"));
  }
  return model;
}

}  // namespace

const Family& qwen3_moe_family() {
  static constexpr Family family = {"qwen3_moe", "Qwen3MoeForCausalLM", read_config,
                                    locate_mlp_experts};
  return family;
}

}  // namespace switchyard::model
