// runtime/routing/policies/margin.h -- the policy "margin": more experts where the two best are
// close. Rule and keys: margin.cpp.
#pragma once

#include "runtime/routing/policies/policy.h"

namespace switchyard::routing {

[[nodiscard]] PolicyEntry margin_policy();

}  // namespace switchyard::routing
