// runtime/routing/difficulty/estimator_table.h -- the one list of difficulty estimators.
#pragma once

#include <vector>

#include "runtime/base/error.h"
#include "runtime/routing/difficulty/estimator.h"

namespace switchyard::routing {

[[nodiscard]] const std::vector<Estimator>& estimator_table();

// Errors: kUsage with the list of names.
[[nodiscard]] Result<const Estimator*> find_estimator(std::string_view name);

}  // namespace switchyard::routing
