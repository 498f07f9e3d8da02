// runtime/routing/policies/relative.h -- the policy "relative": keep what is close to the best.
// Rule and keys: relative.cpp.
#pragma once

#include "runtime/routing/policies/policy.h"

namespace switchyard::routing {

[[nodiscard]] PolicyEntry relative_policy();

}  // namespace switchyard::routing
