#include "runtime/placement/planner_table.h"

#include "runtime/placement/plan_file.h"

#include <fmt/ranges.h>

namespace switchyard::placement {

const std::vector<PlannerEntry>& planner_table() {
  static const std::vector<PlannerEntry> table = {
      {"contiguous", "neighbouring experts on the same rank", &plan_contiguous},
      {"round-robin", "expert e on rank e mod ranks", &plan_round_robin},
      {"balanced", "even work on ranks of any kind, few moves, copies far apart", &plan_balanced},
      {"eplb", "EPLB as published: even loads, ranks all alike", &plan_eplb},
  };
  return table;
}

Result<Placement> plan_placement(std::string_view name, const PlanRequest& request) {
  constexpr std::string_view kFile = "file:";
  if (name.starts_with(kFile)) {
    SY_TRY(check_request(request));
    return plan_from_file(std::string(name.substr(kFile.size())), request);
  }
  std::vector<std::string_view> names;
  for (const PlannerEntry& entry : planner_table()) {
    if (entry.name == name) {
      SY_TRY(check_request(request));
      return entry.plan(request);
    }
    names.push_back(entry.name);
  }
  return fail(ErrorCode::kConfig, "unknown placement '{}'; there are: {}, file:PLAN", name.substr(0, 60),
              fmt::join(names, ", "));
}

}  // namespace switchyard::placement
