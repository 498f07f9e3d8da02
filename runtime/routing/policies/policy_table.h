// runtime/routing/policies/policy_table.h -- the one list of routing policies.
#pragma once

#include <string>
#include <vector>

#include "runtime/routing/policies/policy.h"

namespace switchyard::routing {

inline constexpr std::string_view kAutoName = "auto";  // topk with the checkpoint's k

// In the order of the documentation. "auto" is an alias of topk and not in the list.
[[nodiscard]] const std::vector<PolicyEntry>& policy_table();

// Errors: kUsage with the list of names.
[[nodiscard]] Result<const PolicyEntry*> find_policy(std::string_view name);

}  // namespace switchyard::routing
