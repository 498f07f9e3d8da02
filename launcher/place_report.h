// launcher/place_report.h -- what `place` found, as text and as JSON: the placement before and the
// plan, scored on a window of the trace, next to what uniform routing would show.
// Thread safety: functions without state.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "runtime/placement/plan_score.h"

namespace switchyard::launcher {

struct PlaceReport {
  std::string planner;
  std::string before_name;  // "contiguous" or the previous plan's file
  std::string out;          // the plan's file; empty: none
  std::uint64_t tokens_planned = 0;
  std::uint64_t tokens_scored = 0;
  bool held_out = false;  // scored on other tokens than planned on
  placement::PlanScore before;
  placement::PlanScore after;
  double imbalance_floor = 1;  // of uniform routing with as many pairs
  double churn = 0;
  std::optional<double> drift;  // of the loads from the tokens planned on to those scored on
  std::size_t copies = 0;       // in all layers
  std::size_t step_tokens = 0;
  double seconds = 0;                  // of planning
  std::optional<std::string> applied;  // what the controller said that took the plan
};

[[nodiscard]] std::string place_text(const PlaceReport& report);
[[nodiscard]] nlohmann::json place_json(const PlaceReport& report);

}  // namespace switchyard::launcher
