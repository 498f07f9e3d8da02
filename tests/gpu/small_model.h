// tests/gpu/small_model.h -- a model with random weights that an emulated GPU computes in moments.
// For tests only. Thread safety: pure functions.
#pragma once

#include <memory>

#include "runtime/model/model_config.h"
#include "runtime/model/weight_source.h"

namespace switchyard::tests {

inline std::unique_ptr<model::WeightSource> small_model(std::size_t layers, std::size_t experts) {
  model::ModelConfig config;
  config.family = "qwen3_moe";
  config.vocab = 96;
  config.hidden = 64;
  config.layers = layers;
  config.heads = 4;
  config.kv_heads = 2;
  config.head_size = 16;
  config.qk_norm = kernels::QkNorm::kPerHead;
  config.context_max = 64;
  config.experts = experts;
  config.experts_per_token = 2;
  config.expert_inner = 32;
  config.moe_layer.assign(layers, true);
  return model::make_random_weights(config, 1);
}

}  // namespace switchyard::tests
