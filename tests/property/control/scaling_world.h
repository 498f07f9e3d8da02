// tests/property/control/scaling_world.h -- a toy cluster in virtual time for the autoscaler:
// requests queue, expert ranks serve them, actions take time. Whole requests are counted from
// arrival to completion, so that a lost one shows. Thread safety: distinct objects: safe.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "runtime/base/random.h"
#include "runtime/control/autoscaler.h"

namespace switchyard::control {

// How a drained rank leaves: when its requests are done, or at once (a planted fault).
enum class Leaving { kFinishes, kDropsItsRequests };

struct ScalingWorldOptions {
  ScalingConfig config;
  std::size_t ranks = 4;
  std::size_t spares = 60;
  std::uint64_t seed = 1;
  std::function<double(double seconds)> requests_per_second;  // arrivals
  std::function<bool(double seconds)> metrics_missing;        // at the moment of a decision
  Duration activation_time = std::chrono::seconds(2);
  Leaving leaving = Leaving::kFinishes;
};

struct ScalingEvent {
  double seconds = 0;
  Direction direction = Direction::kNone;
  std::size_t before = 0;
  std::size_t after = 0;
};

struct ScalingHistory {
  std::vector<ScalingEvent> actions;
  std::uint64_t arrived = 0;
  std::uint64_t completed = 0;
  std::uint64_t waiting = 0;  // queued or being served at the end
  double delay_seconds_max = 0;
  double rank_seconds = 0;  // paid for
  std::size_t ranks_max = 0;
  std::size_t ranks_end = 0;

  [[nodiscard]] std::int64_t lost() const {
    return static_cast<std::int64_t>(arrived) - static_cast<std::int64_t>(completed + waiting);
  }
};

// Runs the cluster; checks on the way that no action starts while another is under way and that
// bounds hold.
[[nodiscard]] ScalingHistory run_scaling_world(const ScalingWorldOptions& options, double seconds);

// The largest number of changes of direction within any stretch of `window_seconds`.
[[nodiscard]] std::size_t direction_changes_max(const std::vector<ScalingEvent>& actions,
                                                double window_seconds);

constexpr double kRequestsPerRankSecond = 100;  // what one rank can serve

}  // namespace switchyard::control
