// runtime/model/model_config.h -- what a checkpoint's config.json says, family differences
// resolved. Plain values; made by families (model/families/) from JSON or by hand for benchmarks
// and tests. Thread safety: distinct objects: safe; shared const objects: safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/device.h"
#include "runtime/base/error.h"

namespace switchyard::model {

struct ModelConfig {
  std::string family;      // "qwen3_moe", "mixtral", "olmoe"
  std::size_t vocab = 0;   // V
  std::size_t hidden = 0;  // d
  std::size_t layers = 0;
  std::size_t heads = 0;        // H
  std::size_t kv_heads = 0;     // G
  std::size_t head_size = 0;    // h
  std::size_t context_max = 0;  // max_position_embeddings
  float rope_theta = 10000.0F;
  float norm_eps = 1e-6F;
  bool tied_embeddings = false;
  kernels::QkNorm qk_norm = kernels::QkNorm::kNone;
  float clip_qkv = 0;       // 0 = off
  std::size_t experts = 0;  // E
  std::size_t experts_per_token = 0;
  std::size_t expert_inner = 0;  // f
  bool norm_topk_prob = true;
  std::size_t dense_inner = 0;            // inner size of non-MoE layers, 0 where there are none
  std::vector<bool> moe_layer;            // [layers]
  std::vector<std::uint32_t> eos_tokens;  // from config.json / generation_config.json
  float aux_loss_coef = 0;

  // Extents are consistent and within limits. Errors: kBadInput naming the key.
  [[nodiscard]] Result<void> validate() const;
  [[nodiscard]] std::size_t moe_layer_count() const;
};

}  // namespace switchyard::model
