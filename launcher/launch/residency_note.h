// launcher/launch/residency_note.h -- what an operator should know of residency rules before the
// cluster starts: regions that no rank is in, most often a mistyped word. Not a refusal: rules may
// be written for more clusters than this one. Not what they mean (control/residency.h).
// Thread safety: functions without state.
#pragma once

#include <string>
#include <vector>

#include "runtime/control/controller_options.h"
#include "runtime/placement/places.h"

namespace switchyard::launcher {

// "--residency: no rank is in mars; regions with ranks: eu"; empty where each region of the rules
// has a rank.
[[nodiscard]] std::string residency_note(const std::vector<control::ResidencyRule>& rules,
                                         const std::vector<placement::Place>& places);

}  // namespace switchyard::launcher
