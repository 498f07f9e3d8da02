// runtime/routing/policies/top_p.h -- the policy "top-p": keep a given share of the gate's mass.
// Rule and keys: top_p.cpp.
#pragma once

#include "runtime/routing/policies/policy.h"

namespace switchyard::routing {

[[nodiscard]] PolicyEntry top_p_policy();

}  // namespace switchyard::routing
