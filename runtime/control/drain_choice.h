// runtime/control/drain_choice.h -- which ranks to drain when there are too many: the least loaded.
// Thread safety: functions without state.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "runtime/control/scaling_metrics.h"

namespace switchyard::control {

// The `count` ranks with the smallest busy share, least first; of equals the higher number first,
// so that low numbers stay. A rank that does not say how busy it is comes after those,
// and one that a residency rule needs after all others.
// count <= ranks.size().
[[nodiscard]] std::vector<RankId> choose_drain(std::span<const RankSample> ranks,
                                               std::size_t count);

}  // namespace switchyard::control
