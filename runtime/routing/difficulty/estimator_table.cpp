#include "runtime/routing/difficulty/estimator_table.h"

#include <fmt/ranges.h>

namespace switchyard::routing {

const std::vector<Estimator>& estimator_table() {
  static const std::vector<Estimator> table = {
      variance_estimator(), entropy_estimator(), margin_estimator(),
      mass_estimator(),     prior_estimator(),   p1_estimator(),
  };
  return table;
}

Result<const Estimator*> find_estimator(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Estimator& entry : estimator_table()) {
    if (entry.name == name) return &entry;
    names.push_back(entry.name);
  }
  return fail(ErrorCode::kUsage, "unknown difficulty estimator '{}'; there are: {}",
              name.substr(0, 60), fmt::join(names, ", "));
}

}  // namespace switchyard::routing
