#include "runtime/control/retry_budget.h"

#include <algorithm>
#include <cmath>

namespace switchyard::control {

Result<void> RetryBudgetConfig::validate() const {
  if (!(ratio >= 0 && ratio <= 1)) {
    return fail(ErrorCode::kConfig, "retry budget: ratio is {}, not in 0..1", ratio);
  }
  if (!(per_second_min >= 0 && std::isfinite(per_second_min))) {
    return fail(ErrorCode::kConfig, "retry budget: per_second_min is {}", per_second_min);
  }
  if (!(tokens_max >= 1 && std::isfinite(tokens_max))) {
    return fail(ErrorCode::kConfig, "retry budget: tokens_max is {}, below 1", tokens_max);
  }
  return {};
}

Result<RetryBudget> RetryBudget::create(const RetryBudgetConfig& config, TimePoint now) {
  SY_TRY(config.validate());
  return RetryBudget(config, now);
}

RetryBudget::RetryBudget(const RetryBudgetConfig& config, TimePoint now)
    : config_(config),
      tokens_(std::min(config.per_second_min, config.tokens_max)),
      refilled_(now) {}

double RetryBudget::tokens(TimePoint now) const {
  const double seconds = now > refilled_ ? to_seconds(now - refilled_) : 0;
  return std::min(config_.tokens_max, tokens_ + config_.per_second_min * seconds);
}

Duration RetryBudget::until_retry(TimePoint now) const {
  constexpr double kSecondsMax = 3600;
  const double missing = 1 - tokens(now);
  if (missing <= 0) return Duration::zero();
  const double seconds = std::min(kSecondsMax, missing / std::max(1e-9, config_.per_second_min));
  return Duration(static_cast<Duration::rep>(std::ceil(seconds * 1e9)));
}

void RetryBudget::refill(TimePoint now) {
  tokens_ = tokens(now);
  refilled_ = std::max(refilled_, now);
}

void RetryBudget::request(TimePoint now) {
  refill(now);
  tokens_ = std::min(config_.tokens_max, tokens_ + config_.ratio);
}

bool RetryBudget::try_retry(TimePoint now) {
  refill(now);
  // Five times 0.2 is a token, whatever binary fractions make of it.
  constexpr double kWhole = 1 - 1e-9;
  if (tokens_ < kWhole) {
    ++refused_;
    return false;
  }
  tokens_ = std::max(0.0, tokens_ - 1);
  ++granted_;
  return true;
}

}  // namespace switchyard::control
