// runtime/placement/planner_table.h -- the one list of placement planners.
// Thread safety: functions without state.
#pragma once

#include <string_view>
#include <vector>

#include "runtime/placement/planners/planner.h"

namespace switchyard::placement {

// What a plan depends on.
enum class PlannerSees : std::uint8_t {
  kShape,  // model and ranks
  kLoads,  // the loads too
  kFile,   // nothing: it was made before
};

struct PlannerEntry {
  std::string_view name;
  std::string_view summary;
  PlannerSees sees = PlannerSees::kShape;
  Result<Placement> (*plan)(const PlanRequest&) = nullptr;
};

[[nodiscard]] const std::vector<PlannerEntry>& planner_table();

// Of a planner's name or a `file:PATH`; kShape for an unknown one.
[[nodiscard]] PlannerSees sees_of(std::string_view name);

// Checks the request, then plans; `file:PATH` takes a plan from a file (plan_file.h). Errors:
// kConfig for an unknown name (answered with the list), for no or repeated expert ranks, for an
// empty model, for more replicas than expert ranks, for lists of a wrong length, for what the
// planner cannot satisfy; kLimit.
[[nodiscard]] Result<Placement> plan_placement(std::string_view name, const PlanRequest& request);

}  // namespace switchyard::placement
