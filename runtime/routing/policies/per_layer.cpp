// per-layer:k=4/4/3 or per-layer:file=K.json ([4, 4, 3]) -- a constant k for each MoE layer.
#include "runtime/routing/policies/per_layer.h"

#include <algorithm>

#include "runtime/routing/json_file.h"
#include "runtime/routing/policies/fixed_rule.h"

namespace switchyard::routing {
namespace {

Result<BuiltPolicy> make(const PolicyInput& input) {
  const RouterConvention& convention = input.convention;
  const auto path = input.spec.text("file");
  if (path.has_value() == input.spec.has("k")) {
    return fail(ErrorCode::kUsage, "routing policy per-layer: give k= or file=");
  }
  std::vector<std::size_t> k_by_layer;
  if (path) {
    SY_ASSIGN(k_by_layer, read_whole_list(std::string(*path), 1, convention.experts));
  } else {
    SY_ASSIGN(k_by_layer, input.spec.wholes("k", 1, convention.experts));
  }
  if (k_by_layer.size() != convention.layers) {
    return fail(ErrorCode::kUsage, "routing policy per-layer: {} values for {} MoE layers",
                k_by_layer.size(), convention.layers);
  }
  BuiltPolicy built;
  built.spec = SpecText("per-layer").add_list("k", std::span<const std::size_t>(k_by_layer)).str();
  built.k_max = *std::max_element(k_by_layer.begin(), k_by_layer.end());
  built.rule = std::make_unique<FixedRule>(std::move(k_by_layer));
  built.convention = convention;
  return built;
}

}  // namespace

PolicyEntry per_layer_policy() {
  return {"per-layer", "static: a constant k for each layer", {"k", "file"}, &make, nullptr};
}

}  // namespace switchyard::routing
