// runtime/control/balancing_config.h -- the knobs of online rebalancing, with their defaults and
// rules. Not the decision (balancer.h). Thread safety: plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/placement/rebalance.h"

namespace switchyard::control {

enum class BalancingMode {
  kOff,       // only when a client asks
  kAdvisory,  // decides and says so, moves nothing by itself
  kActive,
};

// What a plan knows of how fast ranks are.
enum class RankSpeeds : std::uint8_t {
  kEqual,
  kMeasured,  // pairs per busy second in the window (rank_speeds.h)
};

// Where every expert has a copy, besides in the regions of residency rules.
enum class CopiesReach : std::uint8_t {
  kAnywhere,
  kEveryRegion,  // that has an expert rank
};

struct BalancingConfig {
  BalancingMode mode = BalancingMode::kOff;
  Duration window = std::chrono::seconds(30);    // of the loads that a plan is made for
  Duration interval = std::chrono::seconds(10);  // between two decisions
  Duration cooldown = std::chrono::seconds(60);  // from the end of one rebalance to the next
  Duration horizon = std::chrono::minutes(10);   // that a plan is expected to serve
  std::size_t copies_per_view = 8;               // loaded for one view at most: the size of a batch
  std::size_t extra_slots = 0;  // of a rank in a layer, beyond what one set of copies takes
  placement::Objective objective = placement::Objective::kTokens;  // of plans by load
  std::size_t step_tokens = 64;  // that go through a layer together; for kActivated
  RankSpeeds speeds = RankSpeeds::kEqual;
  CopiesReach reach = CopiesReach::kAnywhere;  // of all placements, by load or not
  placement::RebalanceLimits limits;
  double load_bytes_per_second = 200e6;  // into one rank, until it has been measured

  // Errors: kConfig naming the field and the rule it breaks.
  [[nodiscard]] Result<void> validate() const;
};

// Errors: kConfig with the list of names.
[[nodiscard]] Result<BalancingMode> parse_balancing_mode(std::string_view name);
[[nodiscard]] std::string_view to_string(BalancingMode mode) noexcept;

}  // namespace switchyard::control
