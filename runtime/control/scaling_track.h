// runtime/control/scaling_track.h -- one number that is scaled (expert ranks, replicas): formula,
// then missing metrics, panic, windows, rate, bounds and guard, in this order, each with its
// reason. Does not act, and does not know the other track. Thread safety: distinct objects: safe;
// shared objects: unsafe. Time is an argument.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/control/direction_guard.h"
#include "runtime/control/panic_window.h"
#include "runtime/control/scaling_config.h"
#include "runtime/control/scaling_decision.h"
#include "runtime/control/stabiliser.h"

namespace switchyard::control {

class ScalingTrack {
 public:
  // `config` has been validated; `bounds` are this number's.
  ScalingTrack(const ScalingConfig& config, const ScalingBounds& bounds);

  // To be called once per interval, also while an action is in flight: it records what is wanted.
  [[nodiscard]] TrackDecision decide(std::size_t current, std::vector<MetricReading> readings,
                                     TimePoint now);

  // An operator wants `count`: for the window of scaling down that is what load wants too.
  void asked(std::size_t count, TimePoint now) { stabiliser_.record(count, now); }
  void started(Direction direction, TimePoint now) { guard_.started(direction, now); }
  void ended(TimePoint now) { guard_.ended(now); }
  void refused() { guard_.refused(); }

 private:
  void limit_rate(TrackDecision& decision) const;
  void keep_bounds(TrackDecision& decision) const;

  ScalingConfig config_;
  ScalingBounds bounds_;
  Stabiliser stabiliser_;
  PanicWindow panic_;
  DirectionGuard guard_;
};

}  // namespace switchyard::control
