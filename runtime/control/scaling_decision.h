// runtime/control/scaling_decision.h -- the record of one autoscaler decision: what it saw, what
// the formula gave, what was held back and why, and what is to be done. Complete enough to be
// replayed and put into an audit log. Executing the action is the controller's business. Thread
// safety: plain values and functions without state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/ids.h"
#include "runtime/control/scaling_config.h"
#include "runtime/control/scaling_metrics.h"

namespace switchyard::control {

// At most one of these is under way at any time.
struct NoAction {};
struct ActivateSpares {
  std::size_t count = 0;
};
struct SpawnRanks {
  std::size_t count = 0;
};
struct DrainRanks {
  std::vector<RankId> ranks;  // least loaded first
};
struct SetReplicas {
  std::size_t replicas = 1;  // copies of each expert in the next placement
};
using ScalingAction = std::variant<NoAction, ActivateSpares, SpawnRanks, DrainRanks, SetReplicas>;

enum class Direction { kNone, kUp, kDown };

enum class ClampKind {
  kMetricsMissing,  // an expected metric is missing: no less
  kPanic,           // no less during a panic
  kStabilised,      // a window has not agreed yet
  kRate,            // too much for one action
  kBounds,          // configured minimum or maximum
  kCooldown,        // too soon after the last action
  kDwell,           // too soon after the last change of direction
  kActionInFlight,  // one at a time
  kNoSpares,        // nothing to activate or spawn
  kMemory,          // another replica would not fit, or nobody knows
  kReplicas,        // as many ranks as replicas
  kOtherFirst,      // ranks come before replicas
};

struct Clamp {
  ClampKind kind;
  std::string text;
};

// The decision about one number.
struct TrackDecision {
  std::size_t current = 0;
  std::size_t wanted = 0;  // by the formula alone
  std::size_t final = 0;   // after the clamps
  std::vector<MetricReading> readings;
  std::optional<ScalingMetric> leader;
  double need_ratio = 1;
  bool panic = false;
  std::vector<Clamp> clamps;  // in the order in which they were applied

  [[nodiscard]] Direction direction() const noexcept;
};

enum class ScalingOutcome {
  kOff,     // the mode is off
  kNotDue,  // asked again within half an interval: nothing was recorded
  kHold,
  kAdvice,  // would act, but the mode is advisory
  kAct,
};

struct ScalingDecision {
  std::uint64_t number = 0;  // of this autoscaler, from 1
  TimePoint at;
  ScalingMode mode = ScalingMode::kOff;
  ScalingOutcome outcome = ScalingOutcome::kOff;
  TrackDecision ranks;
  TrackDecision replicas;
  ScalingAction action;             // NoAction unless kAct or kAdvice
  std::vector<std::string> alarms;  // for people: metrics missing for long, an action overdue

  // One line with everything above.
  [[nodiscard]] std::string text() const;
};

[[nodiscard]] std::string describe(const ScalingAction& action);
[[nodiscard]] std::string_view to_string(Direction direction) noexcept;
[[nodiscard]] std::string_view to_string(ClampKind kind) noexcept;
[[nodiscard]] std::string_view to_string(ScalingOutcome outcome) noexcept;

}  // namespace switchyard::control
