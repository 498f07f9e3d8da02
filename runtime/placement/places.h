// runtime/placement/places.h -- which rank is in which region and zone, as an operator writes it:
// "0-1=eu-west/a,2=eu-west/b,3-5=us-east". Not who may go where (control/residency.h).
// Thread safety: functions without state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/ids.h"

namespace switchyard::placement {

struct Place {
  std::string region;  // empty: none given
  std::string zone;    // empty: none given
};

// The place of each rank, [ranks]; an empty text gives none to all.
// Errors: kConfig quoting the part that is wrong: no range, a rank twice or beyond the last.
[[nodiscard]] Result<std::vector<Place>> parse_places(std::string_view text, std::size_t ranks);

}  // namespace switchyard::placement
