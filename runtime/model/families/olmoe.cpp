// OLMoE: q and k normed over the whole row, optionally clipped; router weights are not
// renormalised.
#include "runtime/model/families/common_config.h"
#include "runtime/model/families/common_names.h"

namespace switchyard::model {
namespace {

Result<ModelConfig> read_config(const JsonFields& config) {
  SY_ASSIGN(
      ModelConfig model,
      read_common_config(config, {.rope_theta = 10000.0, .norm_eps = 1e-5, .aux_loss_coef = 0.01}));
  model.qk_norm = kernels::QkNorm::kWholeRow;
  SY_ASSIGN(model.experts, config.count("num_experts"));
  SY_ASSIGN(model.expert_inner, config.count("intermediate_size"));
  SY_ASSIGN(model.norm_topk_prob, config.flag_or("norm_topk_prob", false));
  SY_ASSIGN(const double clip, config.number_or("clip_qkv", 0.0));
  if (config.has("clip_qkv") && clip <= 0) {
    return config.problem(ErrorCode::kBadInput, "clip_qkv",
                          fmt::format("{} is not a positive number or null", clip));
  }
  model.clip_qkv = static_cast<float>(clip);
  return model;
}

}  // namespace

const Family& olmoe_family() {
  static constexpr Family family = {"olmoe", "OlmoeForCausalLM", read_config, locate_mlp_experts};
  return family;
}

}  // namespace switchyard::model
