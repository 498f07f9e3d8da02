// runtime/control/balancing_config.h -- the knobs of online rebalancing, with their defaults and
// rules. Not the decision (balancer.h). Thread safety: plain values.
#pragma once

#include <cstddef>
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

struct BalancingConfig {
  BalancingMode mode = BalancingMode::kOff;
  Duration window = std::chrono::seconds(30);    // of the loads that a plan is made for
  Duration interval = std::chrono::seconds(10);  // between two decisions
  Duration cooldown = std::chrono::seconds(60);  // from the end of one rebalance to the next
  Duration horizon = std::chrono::minutes(10);   // that a plan is expected to serve
  std::size_t copies_per_view = 8;               // loaded for one view at most: the size of a batch
  std::size_t extra_slots = 0;  // of a rank in a layer, beyond what one set of copies takes
  placement::RebalanceLimits limits;
  double load_bytes_per_second = 200e6;  // into one rank, until it has been measured

  // Errors: kConfig naming the field and the rule it breaks.
  [[nodiscard]] Result<void> validate() const;
};

// Errors: kConfig with the list of names.
[[nodiscard]] Result<BalancingMode> parse_balancing_mode(std::string_view name);
[[nodiscard]] std::string_view to_string(BalancingMode mode) noexcept;

}  // namespace switchyard::control
