// runtime/control/residency_text.h -- residency rules as an operator writes them:
// "eu/gdpr=eu-west+eu-north;us=us-east". Not what they mean (residency.h).
// Thread safety: functions without state.
#pragma once

#include <string_view>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/control/controller_options.h"

namespace switchyard::control {

// Errors: kConfig quoting the rule that is wrong: no '=', no regime, no region, a regime twice.
[[nodiscard]] Result<std::vector<ResidencyRule>> parse_residency(std::string_view text);

}  // namespace switchyard::control
