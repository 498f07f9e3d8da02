// top-p:theta=,k_min=,k_max= -- the fewest experts whose probabilities add up to at least theta,
// clamped (Huang et al. 2024). theta=1 means all, that is k_max. mean_k= instead of theta=:
// calibrated; per_layer=1 gives each layer its own theta.
#include "runtime/routing/policies/top_p.h"

#include <algorithm>

#include "runtime/base/gate_math.h"
#include "runtime/routing/policies/cut_policy.h"

namespace switchyard::routing {
namespace {

class TopPRule final : public CountRule {
 public:
  TopPRule(KRange range, LayerThresholds theta) : range_(range), theta_(std::move(theta)) {}

  [[nodiscard]] std::size_t count(const TokenView& token) const noexcept override {
    return keep_top_p([&](std::size_t rank) { return token.shares[rank]; },
                      theta_.of(token.layer)[0], range_.low, range_.high);
  }
  [[nodiscard]] bool compile(std::size_t layer, SelectionRule& out) const noexcept override {
    return compile_cut(KeepRule::kTopP, range_, theta_.of(layer)[0], out);
  }

 private:
  KRange range_;
  LayerThresholds theta_;
};

// Rank j is kept iff the ranks before it sum to less than theta: iff 1 - sum > 1 - theta.
double mass_left(const TokenView& token, std::size_t rank) {
  double sum = 0;
  for (std::size_t j = 0; j < rank; ++j) sum += static_cast<double>(token.shares[j]);
  return std::max(0.0, 1.0 - sum);
}

const CutPolicy kPolicy{"top-p", "theta",
                        [](KRange range, LayerThresholds cuts) -> std::unique_ptr<CountRule> {
                          return std::make_unique<TopPRule>(range, std::move(cuts));
                        },
                        &mass_left, [](double ease) { return 1.0 - ease; }};

}  // namespace

PolicyEntry top_p_policy() {
  return {kPolicy.name, "dynamic: the fewest experts that hold a share theta of the gate's mass",
          cut_keys(kPolicy),
          [](const PolicyInput& input) { return make_cut_policy(input, kPolicy); },
          [](const PolicyInput& input, const RecordedTokens& tokens) {
            return solve_cut_policy(input, tokens, kPolicy);
          }};
}

}  // namespace switchyard::routing
