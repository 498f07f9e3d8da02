// runtime/control/rank_speeds.h -- how fast expert ranks are beside each other, by what they served
// of late: pairs per second of serving over their mean, in coarse steps, so that noise moves
// nothing. Pure. Thread safety: functions without state.
#pragma once

#include <vector>

#include "runtime/control/load_window.h"

namespace switchyard::control {

// One speed per entry of `work`, around 1. All are 1 where some rank has not served for long
// enough to say, for a rank that does nothing looks neither fast nor slow.
[[nodiscard]] std::vector<double> measured_speeds(const std::vector<RankWork>& work);

}  // namespace switchyard::control
