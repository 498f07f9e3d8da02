// random:mean_k= | histogram=, k_min=,k_max= -- the control: k by chance, experts still the best k.
// k is a hash of (sequence seed, layer, position), so it does not depend on batch, rank or world
// size. mean_k= alone draws from the distribution of greatest entropy with that mean over
// k_min..k_max (uniform where mean_k is their middle, which is also the default); histogram=3/2/1
// gives weights per k, for instance those of the rule that this one is the control of. Needs no
// calibration.
#include "runtime/routing/policies/random.h"

#include <cmath>
#include <numeric>

#include "runtime/base/random.h"
#include "runtime/routing/policies/policy_keys.h"

namespace switchyard::routing {
namespace {

// Separates these draws from other uses of the sequence seed.
constexpr std::uint64_t kPurpose = 0x6B2D64726177ULL;

class RandomRule final : public CountRule {
 public:
  // cumulative [k_max - k_min + 1]: ends in 1.
  RandomRule(KRange range, std::vector<double> cumulative)
      : range_(range), cumulative_(std::move(cumulative)) {}

  [[nodiscard]] std::size_t count(const TokenView& token) const noexcept override {
    const double u =
        to_unit(hash_counters(token.sequence_seed, token.layer, token.position, kPurpose));
    std::size_t k = range_.low;
    while (k < range_.high && u >= cumulative_[k - range_.low]) ++k;
    return k;
  }
  [[nodiscard]] RuleNeeds needs() const noexcept override { return {false, false, true}; }

 private:
  KRange range_;
  std::vector<double> cumulative_;
};

[[nodiscard]] double mean_of(const std::vector<double>& weights) {
  double sum = 0;
  double moment = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    sum += weights[i];
    moment += weights[i] * static_cast<double>(i);
  }
  return moment / sum;
}

// weights_i ~ exp(tilt * i) with the given mean of i; the tilt by bisection.
[[nodiscard]] std::vector<double> tilted(std::size_t count, double mean) {
  std::vector<double> weights(count, 1.0);
  double low = -50;
  double high = 50;
  constexpr int kBisections = 80;
  for (int step = 0; step < kBisections; ++step) {
    const double tilt = (low + high) / 2;
    for (std::size_t i = 0; i < count; ++i) {
      // Relative to the larger end, so that nothing overflows.
      const double from = tilt > 0 ? static_cast<double>(count - 1) : 0.0;
      weights[i] = std::exp(tilt * (static_cast<double>(i) - from));
    }
    (mean_of(weights) > mean ? high : low) = tilt;
  }
  return weights;
}

Result<BuiltPolicy> make(const PolicyInput& input) {
  SY_ASSIGN(const KRange range, read_k_range(input));
  SY_ASSIGN(const auto mean_k, read_mean_k(input, range));
  SY_ASSIGN(std::vector<double> weights, input.spec.numbers("histogram", Range{0, 1e15}));
  const std::size_t count = range.high - range.low + 1;
  SpecText text("random");
  if (!weights.empty()) {
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    if (mean_k || weights.size() != count || !(sum > 0)) {
      return fail(ErrorCode::kUsage,
                  "routing policy random: histogram= needs {} weights for k "
                  "{}..{} with a positive sum, and no mean_k=",
                  count, range.low, range.high);
    }
    text.add_list("histogram", std::span<const double>(weights));
  } else {
    const double middle = static_cast<double>(range.low + range.high) / 2;
    text.add("mean_k", mean_k.value_or(middle));
    weights = tilted(count, mean_k.value_or(middle) - static_cast<double>(range.low));
  }
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::partial_sum(weights.begin(), weights.end(), weights.begin());
  for (double& value : weights) value /= sum;
  BuiltPolicy built;
  built.spec = text.add("k_min", range.low).add("k_max", range.high).str();
  built.rule = std::make_unique<RandomRule>(range, std::move(weights));
  built.k_max = range.high;
  built.convention = input.convention;
  return built;
}

}  // namespace

PolicyEntry random_policy() {
  return {"random",
          "control: k by chance with a given mean",
          {"mean_k", "histogram", "k_min", "k_max"},
          &make,
          nullptr};
}

}  // namespace switchyard::routing
