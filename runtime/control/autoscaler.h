// runtime/control/autoscaler.h -- how many expert ranks and how many replicas there should be.
// A pure state machine: once per interval it gets the load and answers with a decision; it never
// acts. One action at a time: while one is in flight it only watches. Ranks come before replicas.
// Scaling up means activating spares first, spawning second; scaling down drains the least loaded.
// What the controller does of it: controller/scaling.cpp.
// The formula and its dampers are in scaling_rule.h and scaling_track.h, the knobs in
// scaling_config.h, the answer in scaling_decision.h.
// Thread safety: distinct objects: safe; shared objects: unsafe. Time is an argument.
#pragma once

#include <cstdint>
#include <optional>

#include "runtime/base/error.h"
#include "runtime/control/scaling_config.h"
#include "runtime/control/scaling_decision.h"
#include "runtime/control/scaling_metrics.h"
#include "runtime/control/scaling_track.h"

namespace switchyard::control {

class Autoscaler {
 public:
  // Errors: kConfig.
  [[nodiscard]] static Result<Autoscaler> create(const ScalingConfig& config);

  // To be asked once per interval; within half an interval of the last answer it says kNotDue.
  // After kAct the action is in flight until action_ended().
  [[nodiscard]] ScalingDecision decide(const ScalingInput& input, TimePoint now);

  // An operator changes the ranks, to `ranks` of them, or the copies: to the autoscaler an action
  // under way, until action_ended(); and for the window of scaling down no fewer are wanted.
  void operator_acts(std::optional<std::size_t> ranks, std::optional<std::size_t> replicas,
                     TimePoint now);
  // The action is done or rolled back; the next input shows what came of it.
  void action_ended(TimePoint now);
  // It was not even begun: a cool-down, but no change of direction.
  void action_refused(TimePoint now);
  [[nodiscard]] bool action_in_flight() const noexcept { return started_.has_value(); }

  void set_mode(ScalingMode mode) noexcept { config_.mode = mode; }
  [[nodiscard]] ScalingMode mode() const noexcept { return config_.mode; }

 private:
  explicit Autoscaler(const ScalingConfig& config);
  void hold_in_flight(ScalingDecision& decision, TimePoint now) const;
  void hold_replicas(ScalingDecision& decision, const ScalingInput& input) const;
  void choose_action(ScalingDecision& decision, const ScalingInput& input) const;
  void raise_alarms(ScalingDecision& decision, TimePoint now);
  void start(const ScalingDecision& decision, TimePoint now);

  ScalingConfig config_;
  ScalingTrack ranks_;
  ScalingTrack replicas_;
  std::uint64_t number_ = 0;
  std::optional<TimePoint> last_decision_;
  std::optional<TimePoint> started_;  // of the action in flight
  std::uint32_t missing_intervals_ = 0;
};

}  // namespace switchyard::control
