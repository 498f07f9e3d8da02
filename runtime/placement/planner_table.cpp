#include "runtime/placement/planner_table.h"

#include "runtime/placement/plan_file.h"

#include <fmt/ranges.h>

namespace switchyard::placement {
namespace {

constexpr std::string_view kFile = "file:";

}  // namespace

const std::vector<PlannerEntry>& planner_table() {
  static const std::vector<PlannerEntry> table = {
      {"contiguous", "neighbouring experts on the same rank", PlannerSees::kShape,
       &plan_contiguous},
      {"round-robin", "expert e on rank e mod ranks", PlannerSees::kShape, &plan_round_robin},
      {"balanced", "even work on ranks of any kind, few moves, copies far apart",
       PlannerSees::kLoads, &plan_balanced},
      {"eplb", "EPLB as published: even loads, ranks all alike", PlannerSees::kLoads, &plan_eplb},
  };
  return table;
}

PlannerSees sees_of(std::string_view name) {
  if (name.starts_with(kFile)) return PlannerSees::kFile;
  for (const PlannerEntry& entry : planner_table()) {
    if (entry.name == name) return entry.sees;
  }
  return PlannerSees::kShape;
}

Result<Placement> plan_placement(std::string_view name, const PlanRequest& request) {
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
  return fail(ErrorCode::kConfig, "unknown placement '{}'; there are: {}, file:PLAN",
              name.substr(0, 60), fmt::join(names, ", "));
}

}  // namespace switchyard::placement
