// runtime/base/selection_rule.h -- how a row of gate logits becomes experts and weights, as plain
// numbers: what a routing policy that looks at the gate alone compiles to, for a device that holds
// the logits. The arithmetic is in gate_math.h; not the policies (runtime/routing).
// Thread safety: values.
#pragma once

#include <cstddef>
#include <cstdint>

namespace switchyard {

enum class GateScores : std::uint8_t { kSoftmax, kSigmoid };
// How many experts a token keeps of its ranking.
enum class KeepRule : std::uint8_t {
  kFixed,     // k_max
  kRelative,  // shares of at least cut times the best one
  kTopP,      // the fewest whose shares add up to cut
  kSteps      // k_min, and one more for each threshold that a signal reaches
};
enum class StepSignal : std::uint8_t { kEntropy, kMargin, kMass, kBest };
// What the scores of the kept experts are divided by.
enum class WeightBase : std::uint8_t { kOne, kKept, kKeptOverStatic };

struct SelectionRule {
  static constexpr std::size_t kStepsMax = 128;

  GateScores scores = GateScores::kSoftmax;
  KeepRule keep = KeepRule::kFixed;
  StepSignal signal = StepSignal::kEntropy;
  WeightBase base = WeightBase::kKept;
  float scale = 1.0F;
  std::uint32_t k_min = 1;
  std::uint32_t k_max = 1;
  std::uint32_t ranked = 1;    // experts to rank: k_max at least
  std::uint32_t k_static = 1;  // for kKeptOverStatic; ranked at least that then
  // 0: ranked by logit. Otherwise by score plus bias, within the best groups (of E / groups each).
  std::uint32_t groups = 0;
  std::uint32_t groups_kept = 0;
  const float* bias = nullptr;  // [E] or null, for groups
  double cut = 0;               // of kRelative and kTopP
  std::uint32_t steps = 0;      // of kSteps
  double thresholds[kStepsMax] = {};
};

}  // namespace switchyard
