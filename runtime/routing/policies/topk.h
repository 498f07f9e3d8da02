// runtime/routing/policies/topk.h -- the policy "topk": the checkpoint's static rule. Rule and
// keys: topk.cpp.
#pragma once

#include "runtime/routing/policies/policy.h"

namespace switchyard::routing {

[[nodiscard]] PolicyEntry topk_policy();

}  // namespace switchyard::routing
