// runtime/routing/savings.h -- what a mean k saves, against each baseline by name. Negative: it
// costs more. Thread safety: values.
#pragma once

#include <cstddef>

namespace switchyard::routing {

// FLOPs of one token through the whole model, at a fixed context.
struct TokenFlops {
  double expert = 0;  // one expert in every MoE layer: 6 * hidden * expert_inner * layers
  double fixed = 0;   // everything else: attention, gates, dense layers, head
};

struct Savings {
  double vs_dense = 0;   // routed FLOPs against running all E experts: 1 - mean_k / E
  double vs_static = 0;  // routed FLOPs against the checkpoint's k: 1 - mean_k / k_static
  double total = 0;      // all FLOPs of a token against those at the checkpoint's k
};

// Not all zero: experts, k_static and the FLOPs are positive.
[[nodiscard]] Savings measure_savings(double mean_k, std::size_t k_static, std::size_t experts,
                                      TokenFlops flops);

}  // namespace switchyard::routing
