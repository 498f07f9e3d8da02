// runtime/routing/router.h -- turns gate logits into selections under one routing policy.
// Per token and local: no batch statistics, so a decision does not depend on batch-mates or ranks.
// Not the gate matmul (kernels/) and not the dispatch (moe/).
// Thread safety: distinct objects: safe; shared objects: safe for route() (it is const).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/selection_rule.h"
#include "runtime/base/view.h"
#include "runtime/routing/selection.h"

namespace switchyard::routing {

enum class Scoring { kSoftmax, kSigmoid };
// What the checkpoint was trained with: how scores become combine weights.
struct RouterConvention {
  std::size_t layers = 0;    // MoE layers
  std::size_t experts = 0;   // E
  std::size_t k_static = 0;  // num_experts_per_tok
  Scoring scoring = Scoring::kSoftmax;
  bool renormalise = true;  // norm_topk_prob: divide by the sum over the kept experts
  float scale = 1.0F;       // routed_scaling_factor
};

// What a policy may look at besides the logits. Spans are empty when a policy does not ask for
// them.
struct TokenSignals {
  std::span<const std::uint32_t> token_ids;       // [T]
  std::span<const std::uint32_t> positions;       // [T] position in the sequence
  std::span<const std::uint64_t> sequence_seeds;  // [T] for random policies: per-sequence seed
  std::span<const float> residual_variance;       // [T] variance of the residual before the norm
};

// Which signals a policy reads beyond the logits; the caller computes only these.
struct SignalNeeds {
  bool residual_variance = false;
};

class Router {
 public:
  virtual ~Router() = default;
  // The spec that makes an equal router, canonical: "top-p:theta=0.6,k_min=1,k_max=6".
  [[nodiscard]] virtual std::string spec() const = 0;
  [[nodiscard]] virtual SignalNeeds needs() const noexcept = 0;
  // Upper bound of k over all tokens and layers; buffers are sized by it.
  [[nodiscard]] virtual std::size_t k_max() const noexcept = 0;
  // logits: [T, E] fp32 of MoE layer `layer` (0-based among MoE layers). Appends T tokens to `out`.
  // Does not allocate when `out` has reserved T * k_max(). Non-finite logits trigger the fallback.
  virtual void route(std::size_t layer, MatrixView<const float> logits, const TokenSignals& signals,
                     Selections& out) const = 0;
  // The decision for `layer` as a rule that a device can follow, to the bit, where it looks at the
  // gate alone; rows of logits that are not finite stay with route(). out.bias points into the
  // router. False: there is none.
  [[nodiscard]] virtual bool compile(std::size_t /*layer*/, SelectionRule& /*out*/) const {
    return false;
  }
};

// Parses and builds: "topk:k=4", "relative:t=0.2,k_min=1", "top-p:theta=0.6,k_min=1,k_max=6", ...
// "auto" (or "topk") is the checkpoint's own static top-k. Names and keys: docs/CLI.md.
// `calibration`: content of a calibration file (JSON) for specs with mean_k=, or empty.
// Errors: kUsage; an unknown name or key answers with the list of what there is.
[[nodiscard]] Result<std::unique_ptr<Router>> make_router(std::string_view spec,
                                                          const RouterConvention& convention,
                                                          std::string_view calibration);

// The largest k that a router of this spec can choose, also where its thresholds are in a
// calibration file that is not at hand. Errors: kUsage, as far as they show in the spec.
[[nodiscard]] Result<std::size_t> largest_k(std::string_view spec,
                                            const RouterConvention& convention);

// For help texts: each policy with its keys; the common keys go with all of them.
struct PolicyDescription {
  std::string_view name;
  std::string_view summary;
  std::vector<std::string_view> keys;
};
[[nodiscard]] std::vector<PolicyDescription> describe_policies();

// A key that goes with every policy, and its words, the default first.
struct CommonKey {
  std::string_view name;
  std::vector<std::string_view> words;
};
[[nodiscard]] std::vector<CommonKey> describe_common_keys();

// What difficulty:estimator= takes.
struct EstimatorDescription {
  std::string_view name;
  std::string_view summary;
};
[[nodiscard]] std::vector<EstimatorDescription> describe_estimators();

}  // namespace switchyard::routing
