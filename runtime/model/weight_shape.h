// runtime/model/weight_shape.h -- which matrices a model has and how large they are.
// Pure functions of the ModelConfig; nothing about files or names of tensors.
// Precondition everywhere: config.validate() passed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/model/model_config.h"
#include "runtime/model/weight_source.h"

namespace switchyard::model {

struct WeightShape {
  std::size_t out = 0;
  std::size_t in = 0;
  [[nodiscard]] std::size_t elements() const noexcept { return out * in; }
};

[[nodiscard]] std::string_view to_string(WeightRole role) noexcept;
// "layer 3 expert 5 expert_gate", "embedding".
[[nodiscard]] std::string to_string(const WeightId& id);

[[nodiscard]] bool is_norm(WeightRole role) noexcept;    // a gain, stored as [n], viewed as [1, n]
[[nodiscard]] bool is_expert(WeightRole role) noexcept;  // one for each expert of a layer
[[nodiscard]] bool is_layerless(WeightRole role) noexcept;

// [out, in] of a role, whether or not this model has it in a given layer.
[[nodiscard]] WeightShape weight_shape(const ModelConfig& config, WeightRole role) noexcept;
// Whether the model has this weight; kHead exists for tied embeddings too (it is the embedding).
[[nodiscard]] bool has_weight(const ModelConfig& config, const WeightId& id) noexcept;
// Every weight, layer by layer; kHead only where it is not the embedding.
[[nodiscard]] std::vector<WeightId> list_weights(const ModelConfig& config);

}  // namespace switchyard::model
