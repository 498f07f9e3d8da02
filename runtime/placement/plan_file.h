// runtime/placement/plan_file.h -- placements and descriptions of ranks as JSON (docs/PLAN.md).
// Strict: an unknown key, a wrong type, a copy that is not possible is an error that names its
// place. Thread safety: functions without state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/placement/plan_request.h"

namespace switchyard::placement {

struct RankList {
  std::vector<RankId> ranks;  // distinct
  std::vector<RankTraits> traits;
};

struct PlanFile {
  std::string planner;
  RankList ranks;  // at least those that hold copies
  Placement placement;
};

[[nodiscard]] std::string plan_to_json(const PlanFile& plan);

// `name` stands in messages. Errors: kBadInput, kUnsupported (another version), kLimit.
[[nodiscard]] Result<PlanFile> parse_plan(std::string_view text, std::string_view name);
// A file of ranks alone, {"ranks": [..]}, or those of a plan.
[[nodiscard]] Result<RankList> parse_rank_list(std::string_view text, std::string_view name);

// The planner `file:PATH`: a plan made before. Errors: kNotFound, kIo, as parse_plan, and kConfig
// where it is for another model or names a rank that is not one of the request's living ranks.
[[nodiscard]] Result<Placement> plan_from_file(const std::string& path, const PlanRequest& request);

}  // namespace switchyard::placement
