// relative:t=,k_min=,k_max= -- keep rank j if p_j >= t * p_1 (ik_llama.cpp's "SER"; Lu et al. 2024
// at k = 2). t=0 is the static rule with k_max experts. mean_k= instead of t=: calibrated;
// per_layer=1 gives each layer its own t.
#include "runtime/routing/policies/relative.h"

#include "runtime/base/gate_math.h"
#include "runtime/routing/policies/cut_policy.h"

namespace switchyard::routing {
namespace {

class RelativeRule final : public CountRule {
 public:
  RelativeRule(KRange range, LayerThresholds t) : range_(range), t_(std::move(t)) {}

  [[nodiscard]] std::size_t count(const TokenView& token) const noexcept override {
    return keep_relative([&](std::size_t rank) { return token.shares[rank]; },
                         t_.of(token.layer)[0], range_.low, range_.high);
  }
  [[nodiscard]] bool compile(std::size_t layer, SelectionRule& out) const noexcept override {
    return compile_cut(KeepRule::kRelative, range_, t_.of(layer)[0], out);
  }

 private:
  KRange range_;
  LayerThresholds t_;
};

double ratio(const TokenView& token, std::size_t rank) {
  return static_cast<double>(token.shares[rank]) / static_cast<double>(token.shares[0]);
}

const CutPolicy kPolicy{"relative", "t",
                        [](KRange range, LayerThresholds cuts) -> std::unique_ptr<CountRule> {
                          return std::make_unique<RelativeRule>(range, std::move(cuts));
                        },
                        &ratio, [](double ease) { return ease; }};

}  // namespace

PolicyEntry relative_policy() {
  return {kPolicy.name, "dynamic: experts with at least t times the best one's probability",
          cut_keys(kPolicy),
          [](const PolicyInput& input) { return make_cut_policy(input, kPolicy); },
          [](const PolicyInput& input, const RecordedTokens& tokens) {
            return solve_cut_policy(input, tokens, kPolicy);
          }};
}

}  // namespace switchyard::routing
