// runtime/routing/policies/random.h -- the policy "random": k by chance, the control. Rule and
// keys: random.cpp.
#pragma once

#include "runtime/routing/policies/policy.h"

namespace switchyard::routing {

[[nodiscard]] PolicyEntry random_policy();

}  // namespace switchyard::routing
