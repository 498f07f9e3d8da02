#include "runtime/model/model_config.h"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace switchyard::model {
namespace {

// Above what any published model has, low enough that no product of extents can overflow.
constexpr std::size_t kVocabMax = std::size_t{1} << 24;
constexpr std::size_t kHiddenMax = std::size_t{1} << 17;
constexpr std::size_t kLayersMax = 4096;
constexpr std::size_t kHeadsMax = 4096;
constexpr std::size_t kHeadSizeMax = 1024;
constexpr std::size_t kContextMax = std::size_t{1} << 24;
constexpr std::size_t kExpertsMax = 65536;
constexpr std::size_t kInnerMax = std::size_t{1} << 20;
constexpr std::size_t kExpertsOfAllLayersMax = std::size_t{1} << 20;
constexpr std::size_t kExpertParametersMax = std::size_t{1} << 50;

Result<void> check_extent(std::string_view key, std::size_t value, std::size_t max) {
  if (value >= 1 && value <= max) return {};
  return fail(ErrorCode::kBadInput, "{}: {} is not between 1 and {}", key, value, max);
}

Result<void> check_attention(const ModelConfig& config) {
  SY_TRY(check_extent("num_attention_heads", config.heads, kHeadsMax));
  SY_TRY(check_extent("num_key_value_heads", config.kv_heads, config.heads));
  if (config.heads % config.kv_heads != 0) {
    return fail(ErrorCode::kBadInput, "num_key_value_heads: {} does not divide {} attention heads",
                config.kv_heads, config.heads);
  }
  SY_TRY(check_extent("head_dim", config.head_size, kHeadSizeMax));
  if (config.head_size % 2 != 0) {
    return fail(ErrorCode::kBadInput, "head_dim: {} is odd; rotary embedding needs pairs",
                config.head_size);
  }
  if (!std::isfinite(config.rope_theta) || config.rope_theta <= 0) {
    return fail(ErrorCode::kBadInput, "rope_theta: {} is not a positive number", config.rope_theta);
  }
  if (!std::isfinite(config.clip_qkv) || config.clip_qkv < 0) {
    return fail(ErrorCode::kBadInput, "clip_qkv: {} is not a positive number or null",
                config.clip_qkv);
  }
  return {};
}

Result<void> check_experts(const ModelConfig& config) {
  SY_TRY(check_extent("num_experts", config.experts, kExpertsMax));
  SY_TRY(check_extent("num_experts_per_tok", config.experts_per_token, config.experts));
  SY_TRY(check_extent("moe_intermediate_size", config.expert_inner, kInnerMax));
  const std::size_t experts_total = config.experts * config.moe_layer_count();
  if (experts_total > kExpertsOfAllLayersMax) {
    return fail(ErrorCode::kBadInput, "num_experts: {} in each of {} layers is more than {} in all",
                config.experts, config.moe_layer_count(), kExpertsOfAllLayersMax);
  }
  // hidden * inner <= 2^37, so this division form cannot overflow.
  if (experts_total > kExpertParametersMax / (config.hidden * config.expert_inner)) {
    return fail(ErrorCode::kBadInput, "num_experts: {} experts of [{}, {}] pass {} parameters",
                experts_total, config.expert_inner, config.hidden, kExpertParametersMax);
  }
  return {};
}

}  // namespace

Result<void> ModelConfig::validate() const {
  SY_TRY(check_extent("vocab_size", vocab, kVocabMax));
  SY_TRY(check_extent("hidden_size", hidden, kHiddenMax));
  SY_TRY(check_extent("num_hidden_layers", layers, kLayersMax));
  SY_TRY(check_extent("max_position_embeddings", context_max, kContextMax));
  SY_TRY(check_attention(*this));
  if (!std::isfinite(norm_eps) || norm_eps < 0 || norm_eps >= 1) {
    return fail(ErrorCode::kBadInput, "rms_norm_eps: {} is not in [0, 1)", norm_eps);
  }
  if (moe_layer.size() != layers) {
    return fail(ErrorCode::kBadInput,
                "num_hidden_layers: {}, but {} layers are marked sparse or dense", layers,
                moe_layer.size());
  }
  SY_TRY(check_experts(*this));
  if (moe_layer_count() < layers) SY_TRY(check_extent("intermediate_size", dense_inner, kInnerMax));
  for (const std::uint32_t token : eos_tokens) {
    if (token >= vocab) {
      return fail(ErrorCode::kBadInput, "eos_token_id: {} is outside the vocabulary of {}", token,
                  vocab);
    }
  }
  return {};
}

std::size_t ModelConfig::moe_layer_count() const {
  return static_cast<std::size_t>(std::count(moe_layer.begin(), moe_layer.end(), true));
}

}  // namespace switchyard::model
