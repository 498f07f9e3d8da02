// runtime/routing/policies/difficulty.h -- the policy "difficulty": k from any difficulty
// estimator. Rule and keys: difficulty.cpp.
#pragma once

#include "runtime/routing/policies/policy.h"

namespace switchyard::routing {

[[nodiscard]] PolicyEntry difficulty_policy();

}  // namespace switchyard::routing
