// runtime/control/leave_choice.h -- which expert ranks may go together, so that every residency
// rule keeps one in its regions. Going through them one by one can end too early: rules that
// overlap are served by few ranks, if those are the ones that stay. Pure. Thread safety: functions
// without state.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "runtime/base/ids.h"

namespace switchyard::control {

struct Leaver {
  RankId rank;
  std::string region;
};

// At most `count` of the ranks, those in front rather than those behind; as many as any choice
// could send away where the rules name at most kRegionsMax regions in all. rules: the regions of
// each rule that has one of these ranks now.
inline constexpr std::size_t kRegionsMax = 16;
[[nodiscard]] std::vector<RankId> choose_leavers(const std::vector<Leaver>& order,
                                                 const std::vector<std::set<std::string>>& rules,
                                                 std::size_t count);

}  // namespace switchyard::control
