// runtime/routing/policy_router.h -- the Router: scores, ranking, one count rule, weights,
// fallback. Thread safety: shared const objects: safe.
#pragma once

#include <string>

#include "runtime/routing/fallback.h"
#include "runtime/routing/policies/policy.h"

namespace switchyard::routing {

// kCheckpoint: scores as they are, or over their sum where the checkpoint renormalises.
// kMass: scaled so that the kept experts carry the mass of the k_static best (the same thing
// as kCheckpoint where the checkpoint renormalises; 1 in sum becomes their mass otherwise).
enum class WeightRule { kCheckpoint, kMass };

struct RouterOptions {
  WeightRule weights = WeightRule::kCheckpoint;
  FallbackSetup fallback;
};

class PolicyRouter final : public Router {
 public:
  PolicyRouter(BuiltPolicy policy, RouterOptions options, std::string spec);

  [[nodiscard]] std::string spec() const override { return spec_; }
  [[nodiscard]] SignalNeeds needs() const noexcept override {
    return {policy_.rule->needs().residual_variance};
  }
  [[nodiscard]] std::size_t k_max() const noexcept override { return policy_.k_max; }
  void route(std::size_t layer, MatrixView<const float> logits, const TokenSignals& signals,
             Selections& out) const override;
  [[nodiscard]] bool compile(std::size_t layer, SelectionRule& out) const override;

 private:
  struct Scratch;
  void route_token(Scratch& scratch, std::span<const float> logits, TokenView& token,
                   Selections& out) const;
  void push(const Scratch& scratch, std::size_t k, Fallback fallback, Selections& out) const;
  void rank(std::size_t layer, Scratch& scratch) const;

  BuiltPolicy policy_;
  RouterOptions options_;
  std::string spec_;
  RuleNeeds needs_;
  std::size_t ranked_count_;  // how many experts are ranked: the rule's view and the mass sum
};

}  // namespace switchyard::routing
