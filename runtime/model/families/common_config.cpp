#include "runtime/model/families/common_config.h"

#include <optional>

#include "runtime/model/checkpoint/token_fields.h"

namespace switchyard::model {
namespace {

Result<void> refuse_unless(bool supported, const JsonFields& config, const char* key,
                           std::string_view text) {
  if (supported) return {};
  return config.problem(ErrorCode::kUnsupported, key, text);
}

Result<void> check_dtype(const JsonFields& config) {
  for (const char* key : {"torch_dtype", "dtype"}) {
    SY_ASSIGN(const std::string dtype, config.text_or(key, "bfloat16"));
    SY_TRY(refuse_unless(dtype == "bfloat16" || dtype == "float16" || dtype == "float32", config,
                         key, quote_name(dtype) + "; supported: bfloat16, float16, float32"));
  }
  return {};
}

// A window that is at least the context never cuts anything off.
Result<void> check_window(const JsonFields& config, const CommonDefaults& defaults,
                          std::size_t context_max) {
  SY_ASSIGN(const std::size_t window, config.count_or("sliding_window", context_max));
  SY_ASSIGN(const bool in_use, config.flag_or("use_sliding_window", defaults.use_sliding_window));
  return refuse_unless(
      !in_use || window >= context_max, config, "sliding_window",
      fmt::format("{} is smaller than the context of {}; windowed attention is not supported",
                  window, context_max));
}

// Attention of every layer must be full, without biases; activations must be SiLU.
Result<void> check_layers(const JsonFields& config) {
  SY_ASSIGN(const std::string activation, config.text_or("hidden_act", "silu"));
  SY_TRY(refuse_unless(activation == "silu", config, "hidden_act",
                       quote_name(activation) + "; supported: silu"));
  SY_ASSIGN(const bool bias, config.flag_or("attention_bias", false));
  SY_TRY(refuse_unless(!bias, config, "attention_bias", "true; biases are not supported"));
  SY_ASSIGN(const auto layer_types, config.texts("layer_types"));
  for (const std::string& type : layer_types) {
    SY_TRY(refuse_unless(type == "full_attention", config, "layer_types",
                         quote_name(type) + "; supported: full_attention"));
  }
  return refuse_unless(!config.has("quantization_config"), config, "quantization_config",
                       "quantised weights are not supported");
}

// The kind of RoPE in an object that may name it "rope_type" or (older files) "type".
Result<void> check_rope_kind(const JsonFields& rope) {
  for (const char* key : {"rope_type", "type"}) {
    SY_ASSIGN(const std::string kind, rope.text_or(key, "default"));
    SY_TRY(refuse_unless(kind == "default", rope, key, quote_name(kind) + "; supported: default"));
  }
  SY_ASSIGN(const double partial, rope.number_or("partial_rotary_factor", 1.0));
  return refuse_unless(partial == 1.0, rope, "partial_rotary_factor",
                       fmt::format("{}; supported: 1", partial));
}

Result<double> read_rope_theta(const JsonFields& config, double otherwise) {
  SY_TRY(check_rope_kind(config));
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    SY_ASSIGN(const auto rope, config.object(key));
    if (rope) SY_TRY(check_rope_kind(*rope));
  }
  SY_ASSIGN(const auto parameters, config.object("rope_parameters"));
  const bool nested = parameters.has_value() && parameters->has("rope_theta");
  if (!nested) return config.number_or("rope_theta", otherwise);
  SY_ASSIGN(const double theta, parameters->number_or("rope_theta", otherwise));
  SY_ASSIGN(const double outer, config.number_or("rope_theta", theta));
  if (outer != theta) {
    return config.problem(ErrorCode::kBadInput, "rope_theta",
                          fmt::format("{}, but rope_parameters.rope_theta is {}", outer, theta));
  }
  return theta;
}

Result<std::size_t> default_head_size(const JsonFields& config, const ModelConfig& model) {
  if (model.heads == 0 || model.hidden % model.heads != 0) {
    return config.problem(ErrorCode::kBadInput, "head_dim",
                          fmt::format("missing, and hidden_size {} is no multiple of {} heads",
                                      model.hidden, model.heads));
  }
  return model.hidden / model.heads;
}

}  // namespace

Result<ModelConfig> read_common_config(const JsonFields& config, const CommonDefaults& defaults) {
  ModelConfig model;
  SY_TRY(check_dtype(config));
  SY_TRY(check_layers(config));
  SY_ASSIGN(model.vocab, config.count("vocab_size"));
  SY_ASSIGN(model.hidden, config.count("hidden_size"));
  SY_ASSIGN(model.layers, config.count("num_hidden_layers"));
  SY_ASSIGN(model.heads, config.count("num_attention_heads"));
  SY_ASSIGN(model.kv_heads, config.count_or("num_key_value_heads", model.heads));
  if (config.has("head_dim")) {
    SY_ASSIGN(model.head_size, config.count("head_dim"));
  } else {
    SY_ASSIGN(model.head_size, default_head_size(config, model));
  }
  SY_ASSIGN(model.context_max, config.count("max_position_embeddings"));
  SY_TRY(check_window(config, defaults, model.context_max));
  SY_ASSIGN(const double theta, read_rope_theta(config, defaults.rope_theta));
  model.rope_theta = static_cast<float>(theta);
  SY_ASSIGN(const double eps, config.number_or("rms_norm_eps", defaults.norm_eps));
  model.norm_eps = static_cast<float>(eps);
  SY_ASSIGN(model.tied_embeddings, config.flag_or("tie_word_embeddings", false));
  SY_ASSIGN(model.experts_per_token, config.count("num_experts_per_tok"));
  SY_ASSIGN(const double aux, config.number_or("router_aux_loss_coef", defaults.aux_loss_coef));
  model.aux_loss_coef = static_cast<float>(aux);
  SY_ASSIGN(model.eos_tokens, read_token_ids(config, "eos_token_id"));
  // validate() sets the documented limit; this only keeps a hostile number from being allocated.
  if (model.layers > 1'000'000) {
    return config.problem(ErrorCode::kBadInput, "num_hidden_layers",
                          fmt::format("{} layers", model.layers));
  }
  model.moe_layer.assign(model.layers, true);
  return model;
}

}  // namespace switchyard::model
