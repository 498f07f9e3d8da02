#include "runtime/control/balancing_config.h"

#include <cmath>

namespace switchyard::control {

Result<void> BalancingConfig::validate() const {
  if (window <= Duration::zero() || interval <= Duration::zero() || horizon <= Duration::zero()) {
    return fail(ErrorCode::kConfig, "rebalance: window, interval and horizon must be positive");
  }
  if (cooldown < Duration::zero()) {
    return fail(ErrorCode::kConfig, "rebalance: cooldown must not be negative");
  }
  if (copies_per_view == 0) {
    return fail(ErrorCode::kConfig, "rebalance: copies_per_view must be at least 1");
  }
  if (!(limits.imbalance_min >= 1) || !(limits.improvement_min >= 0)) {
    return fail(ErrorCode::kConfig,
                "rebalance: imbalance_min must be at least 1, improvement_min not negative");
  }
  if (!(load_bytes_per_second > 0 && std::isfinite(load_bytes_per_second))) {
    return fail(ErrorCode::kConfig, "rebalance: load_bytes_per_second must be positive");
  }
  return {};
}

Result<BalancingMode> parse_balancing_mode(std::string_view name) {
  if (name == "off") return BalancingMode::kOff;
  if (name == "advisory") return BalancingMode::kAdvisory;
  if (name == "active") return BalancingMode::kActive;
  return fail(ErrorCode::kConfig, "unknown rebalance mode '{}'; there are: off, advisory, active",
              name.substr(0, 60));
}

std::string_view to_string(BalancingMode mode) noexcept {
  switch (mode) {
    case BalancingMode::kOff: return "off";
    case BalancingMode::kAdvisory: return "advisory";
    case BalancingMode::kActive: return "active";
  }
  return "unknown";
}

}  // namespace switchyard::control
