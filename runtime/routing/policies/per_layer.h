// runtime/routing/policies/per_layer.h -- the policy "per-layer": a constant k for each layer. Rule
// and keys: per_layer.cpp.
#pragma once

#include "runtime/routing/policies/policy.h"

namespace switchyard::routing {

[[nodiscard]] PolicyEntry per_layer_policy();

}  // namespace switchyard::routing
