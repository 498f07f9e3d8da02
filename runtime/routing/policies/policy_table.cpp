#include "runtime/routing/policies/policy_table.h"

#include <fmt/ranges.h>

#include "runtime/routing/policies/difficulty.h"
#include "runtime/routing/policies/entropy.h"
#include "runtime/routing/policies/grouped.h"
#include "runtime/routing/policies/margin.h"
#include "runtime/routing/policies/per_layer.h"
#include "runtime/routing/policies/random.h"
#include "runtime/routing/policies/relative.h"
#include "runtime/routing/policies/top_p.h"
#include "runtime/routing/policies/topk.h"

namespace switchyard::routing {

const std::vector<PolicyEntry>& policy_table() {
  static const std::vector<PolicyEntry> table = {
      topk_policy(),   grouped_policy(), relative_policy(),   top_p_policy(),     entropy_policy(),
      margin_policy(), random_policy(),  difficulty_policy(), per_layer_policy(),
  };
  return table;
}

Result<const PolicyEntry*> find_policy(std::string_view name) {
  if (name == kAutoName) name = "topk";
  std::vector<std::string_view> names{kAutoName};
  for (const PolicyEntry& entry : policy_table()) {
    if (entry.name == name) return &entry;
    names.push_back(entry.name);
  }
  return fail(ErrorCode::kUsage, "unknown routing policy '{}'; there are: {}", name.substr(0, 60),
              fmt::join(names, ", "));
}

}  // namespace switchyard::routing
