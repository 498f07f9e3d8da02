#include "runtime/engine/expert_loader.h"

#include "runtime/base/check.h"
#include "runtime/model/weight_rows.h"

namespace switchyard::engine {
namespace {

std::size_t model_layer(const model::ModelConfig& config, std::size_t moe_layer) {
  std::size_t seen = 0;
  for (std::size_t layer = 0; layer < config.layers; ++layer) {
    if (config.moe_layer[layer] && seen++ == moe_layer) return layer;
  }
  SY_CHECK(false, "MoE layer {} of {}", moe_layer, seen);
  return 0;
}

}  // namespace

Result<std::unique_ptr<kernels::PackedExpert>> load_expert(model::WeightSource& source,
                                                           kernels::Device& device,
                                                           std::size_t moe_layer, ExpertId expert) {
  const std::size_t layer = model_layer(source.config(), moe_layer);
  const std::size_t e = expert.index();
  auto packed = model::pack_swiglu(source, device,
                                   {{model::WeightRole::kExpertGate, layer, e},
                                    {model::WeightRole::kExpertUp, layer, e},
                                    {model::WeightRole::kExpertDown, layer, e}});
  if (!packed) {
    return with_place(std::move(packed).error(), fmt::format("layer {} expert {}", layer, e));
  }
  return packed;
}

}  // namespace switchyard::engine
