// tests/property/placement/window_scores.h -- how even a plan and EPLB at its best are under the
// loads of a window: mean over the layers of max / mean. For tests only. Thread safety: functions
// without state.
#pragma once

#include <span>

#include "runtime/placement/plan_request.h"

namespace switchyard::placement {

// Ranks of equal speed.
[[nodiscard]] double imbalance(const PlanRequest& request, const Placement& plan,
                               std::span<const std::uint64_t> loads);

// Of the plan that EPLB makes of request.loads; two copies on one rank count as two shares.
[[nodiscard]] double eplb_imbalance(const PlanRequest& request,
                                    std::span<const std::uint64_t> loads);

}  // namespace switchyard::placement
