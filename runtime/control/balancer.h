// runtime/control/balancer.h -- whether the experts should move to where the load is: when to look,
// what a new placement must bring, and what was decided last and why. A pure state machine; it
// plans and moves nothing itself (planners are in runtime/placement, the batches in
// move_batches.h). Thread safety: distinct objects: safe; shared objects: unsafe. Time is an
// argument.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/control/balancing_config.h"
#include "runtime/placement/rebalance.h"

namespace switchyard::control {

// What a decision is made from. Lists as in placement::RebalanceQuestion.
struct BalancingInput {
  const placement::Placement* now = nullptr;
  const placement::Placement* plan = nullptr;
  std::vector<RankId> ranks;
  std::vector<placement::RankTraits> traits;
  std::vector<std::uint64_t> loads;  // of the window; empty: nothing was reported
  double busy_share_max = 0;         // of the expert rank that works most
  double expert_bytes = 0;
};

// A client asks for what is even a little better; by itself the balancer moves only what pays.
enum class BalancingOccasion : std::uint8_t { kByItself, kAsked };

struct BalancingRecord {
  TimePoint at{};
  bool judged = false;  // false: there is only the reason why not
  bool go = false;
  std::string reason;          // a few words
  double imbalance_now = 1;    // slowest ranks over even ones, over all layers
  double imbalance_plan = 1;   // the same after the moves
  double imbalance_floor = 1;  // what uniform routing would show with as many pairs
  std::size_t copies = 0;      // to load
  double gain_seconds = 0;     // over the horizon
  double cost_seconds = 0;

  // The reason, or all of it: "worth it: imbalance 1.62 -> 1.04 (floor 1.01), 12 copies to load,
  // gains 80.1 s for 0.2 s"
  [[nodiscard]] std::string text() const;
};

class Balancer {
 public:
  // Errors: kConfig.
  [[nodiscard]] static Result<Balancer> create(const BalancingConfig& config);

  // By itself, an interval after the last decision and a cool-down after the last rebalance.
  [[nodiscard]] bool due(TimePoint now) const;
  // Whether to look for a plan at all (input.plan is not read), by itself: false, and recorded,
  // where no loads are known or what is there is even enough. Planning is what takes time.
  [[nodiscard]] bool worth_planning(const BalancingInput& input, TimePoint now);
  const BalancingRecord& decide(const BalancingInput& input, BalancingOccasion occasion,
                                TimePoint now);
  // It was time to decide, but that could not be done.
  void skip(std::string reason, TimePoint now);
  // The moves are done, or given up.
  void ended(TimePoint now) { ended_ = now; }

  // A rank loaded that much in that time, beside its other work.
  void measured_load(double bytes, Duration time);
  [[nodiscard]] double load_bytes_per_second() const noexcept { return load_bytes_per_second_; }
  [[nodiscard]] const std::optional<BalancingRecord>& last() const noexcept { return last_; }
  [[nodiscard]] const BalancingConfig& config() const noexcept { return config_; }

 private:
  explicit Balancer(const BalancingConfig& config);

  BalancingConfig config_;
  double load_bytes_per_second_;
  bool measured_ = false;
  std::optional<TimePoint> ended_;
  std::optional<BalancingRecord> last_;
};

}  // namespace switchyard::control
