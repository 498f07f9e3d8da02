// runtime/routing/policies/entropy.h -- the policy "entropy": more experts for a flat gate. Rule
// and keys: entropy.cpp.
#pragma once

#include "runtime/routing/policies/policy.h"

namespace switchyard::routing {

[[nodiscard]] PolicyEntry entropy_policy();

}  // namespace switchyard::routing
