#include "runtime/model/weight_shape.h"

#include <array>

namespace switchyard::model {
namespace {

constexpr std::array kLayerRoles = {
    WeightRole::kAttentionNorm, WeightRole::kQuery,     WeightRole::kKey,
    WeightRole::kValue,         WeightRole::kQueryNorm, WeightRole::kKeyNorm,
    WeightRole::kAttentionOut,  WeightRole::kMoeNorm,   WeightRole::kGate,
    WeightRole::kDenseGate,     WeightRole::kDenseUp,   WeightRole::kDenseDown,
};
constexpr std::array kExpertRoles = {WeightRole::kExpertGate, WeightRole::kExpertUp,
                                     WeightRole::kExpertDown};

}  // namespace

std::string_view to_string(WeightRole role) noexcept {
  switch (role) {
    case WeightRole::kEmbedding: return "embedding";
    case WeightRole::kHead: return "head";
    case WeightRole::kFinalNorm: return "final_norm";
    case WeightRole::kAttentionNorm: return "attention_norm";
    case WeightRole::kMoeNorm: return "moe_norm";
    case WeightRole::kQuery: return "query";
    case WeightRole::kKey: return "key";
    case WeightRole::kValue: return "value";
    case WeightRole::kAttentionOut: return "attention_out";
    case WeightRole::kQueryNorm: return "query_norm";
    case WeightRole::kKeyNorm: return "key_norm";
    case WeightRole::kGate: return "gate";
    case WeightRole::kExpertGate: return "expert_gate";
    case WeightRole::kExpertUp: return "expert_up";
    case WeightRole::kExpertDown: return "expert_down";
    case WeightRole::kDenseGate: return "dense_gate";
    case WeightRole::kDenseUp: return "dense_up";
    case WeightRole::kDenseDown: return "dense_down";
  }
  return "unknown";
}

std::string to_string(const WeightId& id) {
  if (is_layerless(id.role)) return std::string(to_string(id.role));
  if (!is_expert(id.role)) return fmt::format("layer {} {}", id.layer, to_string(id.role));
  return fmt::format("layer {} expert {} {}", id.layer, id.expert, to_string(id.role));
}

bool is_norm(WeightRole role) noexcept {
  return role == WeightRole::kFinalNorm || role == WeightRole::kAttentionNorm ||
         role == WeightRole::kMoeNorm || role == WeightRole::kQueryNorm ||
         role == WeightRole::kKeyNorm;
}

bool is_expert(WeightRole role) noexcept {
  return role == WeightRole::kExpertGate || role == WeightRole::kExpertUp ||
         role == WeightRole::kExpertDown;
}

bool is_layerless(WeightRole role) noexcept {
  return role == WeightRole::kEmbedding || role == WeightRole::kHead ||
         role == WeightRole::kFinalNorm;
}

WeightShape weight_shape(const ModelConfig& config, WeightRole role) noexcept {
  const std::size_t hidden = config.hidden;
  const std::size_t query_rows = config.heads * config.head_size;
  const std::size_t kv_rows = config.kv_heads * config.head_size;
  const bool whole_row = config.qk_norm == kernels::QkNorm::kWholeRow;
  switch (role) {
    case WeightRole::kEmbedding:
    case WeightRole::kHead: return {config.vocab, hidden};
    case WeightRole::kFinalNorm:
    case WeightRole::kAttentionNorm:
    case WeightRole::kMoeNorm: return {1, hidden};
    case WeightRole::kQuery: return {query_rows, hidden};
    case WeightRole::kKey:
    case WeightRole::kValue: return {kv_rows, hidden};
    case WeightRole::kAttentionOut: return {hidden, query_rows};
    case WeightRole::kQueryNorm: return {1, whole_row ? query_rows : config.head_size};
    case WeightRole::kKeyNorm: return {1, whole_row ? kv_rows : config.head_size};
    case WeightRole::kGate: return {config.experts, hidden};
    case WeightRole::kExpertGate:
    case WeightRole::kExpertUp: return {config.expert_inner, hidden};
    case WeightRole::kExpertDown: return {hidden, config.expert_inner};
    case WeightRole::kDenseGate:
    case WeightRole::kDenseUp: return {config.dense_inner, hidden};
    case WeightRole::kDenseDown: return {hidden, config.dense_inner};
  }
  return {};
}

bool has_weight(const ModelConfig& config, const WeightId& id) noexcept {
  if (is_layerless(id.role)) return true;
  if (id.layer >= config.layers) return false;
  const bool sparse = config.moe_layer[id.layer];
  switch (id.role) {
    case WeightRole::kQueryNorm:
    case WeightRole::kKeyNorm: return config.qk_norm != kernels::QkNorm::kNone;
    case WeightRole::kGate: return sparse;
    case WeightRole::kExpertGate:
    case WeightRole::kExpertUp:
    case WeightRole::kExpertDown: return sparse && id.expert < config.experts;
    case WeightRole::kDenseGate:
    case WeightRole::kDenseUp:
    case WeightRole::kDenseDown: return !sparse;
    default: return true;
  }
}

std::vector<WeightId> list_weights(const ModelConfig& config) {
  std::vector<WeightId> ids;
  ids.push_back({WeightRole::kEmbedding});
  for (std::size_t layer = 0; layer < config.layers; ++layer) {
    for (const WeightRole role : kLayerRoles) {
      if (has_weight(config, {role, layer})) ids.push_back({role, layer});
    }
    if (!config.moe_layer[layer]) continue;
    for (std::size_t expert = 0; expert < config.experts; ++expert) {
      for (const WeightRole role : kExpertRoles) ids.push_back({role, layer, expert});
    }
  }
  ids.push_back({WeightRole::kFinalNorm});
  if (!config.tied_embeddings) ids.push_back({WeightRole::kHead});
  return ids;
}

}  // namespace switchyard::model
