// runtime/routing/policies/grouped.h -- the policy "grouped": DeepSeek-V3's group-limited sigmoid
// router. Rule and keys: grouped.cpp.
#pragma once

#include "runtime/routing/policies/policy.h"

namespace switchyard::routing {

[[nodiscard]] PolicyEntry grouped_policy();

}  // namespace switchyard::routing
