// runtime/model/families/common_config.h -- the part of config.json that all families share.
// Refuses by name what the forward pass does not do, so that nothing is computed wrongly in
// silence. Thread safety: functions are pure; safe.
#pragma once

#include "runtime/model/checkpoint/json_fields.h"
#include "runtime/model/model_config.h"

namespace switchyard::model {

// Values of a family's Python class where the file does not name the key.
struct CommonDefaults {
  double rope_theta = 10000.0;
  double norm_eps = 1e-6;
  double aux_loss_coef = 0.001;
  bool use_sliding_window =
      true;  // whether sliding_window counts where nothing switches it on or off
};

// Fills vocab, hidden, layers, heads, kv_heads (= heads where absent), head_size (= hidden / heads
// where absent), context_max, rope_theta, norm_eps, tied_embeddings, experts_per_token, eos_tokens
// and aux_loss_coef; marks every layer as sparse. Accepts `torch_dtype` or `dtype`, and rope_theta
// at the top or in `rope_parameters`. Errors: kBadInput for missing keys and wrong types;
// kUnsupported for another activation, biases, scaled RoPE, quantised weights, a sliding window in
// use.
[[nodiscard]] Result<ModelConfig> read_common_config(const JsonFields& config,
                                                     const CommonDefaults& defaults);

}  // namespace switchyard::model
