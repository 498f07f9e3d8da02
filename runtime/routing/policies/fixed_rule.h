// runtime/routing/policies/fixed_rule.h -- the rule of static policies: k depends on the layer
// only.
#pragma once

#include <utility>
#include <vector>

#include "runtime/routing/policies/rule.h"

namespace switchyard::routing {

class FixedRule final : public CountRule {
 public:
  // k_by_layer [layers]
  explicit FixedRule(std::vector<std::size_t> k_by_layer) : k_by_layer_(std::move(k_by_layer)) {}
  [[nodiscard]] std::size_t count(const TokenView& token) const noexcept override {
    return k_by_layer_[token.layer];
  }
  [[nodiscard]] bool compile(std::size_t layer, SelectionRule& out) const noexcept override {
    out.keep = KeepRule::kFixed;
    out.k_min = out.k_max = static_cast<std::uint32_t>(k_by_layer_[layer]);
    return true;
  }

 private:
  std::vector<std::size_t> k_by_layer_;
};

}  // namespace switchyard::routing
