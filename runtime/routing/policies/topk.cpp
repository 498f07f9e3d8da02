// topk:k= -- the k best experts (k: default the checkpoint's num_experts_per_tok).
#include "runtime/routing/policies/topk.h"

#include "runtime/routing/policies/fixed_rule.h"

namespace switchyard::routing {
namespace {

Result<BuiltPolicy> make(const PolicyInput& input) {
  const RouterConvention& convention = input.convention;
  SY_ASSIGN(const std::size_t k, input.spec.whole("k", convention.k_static, 1, convention.experts));
  BuiltPolicy built;
  built.spec = SpecText("topk").add("k", k).str();
  built.rule = std::make_unique<FixedRule>(std::vector<std::size_t>(convention.layers, k));
  built.k_max = k;
  built.convention = convention;
  return built;
}

}  // namespace

PolicyEntry topk_policy() { return {"topk", "static: the k best experts", {"k"}, &make, nullptr}; }

}  // namespace switchyard::routing
