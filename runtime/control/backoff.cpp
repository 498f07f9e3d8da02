#include "runtime/control/backoff.h"

#include <algorithm>

namespace switchyard::control {

Result<void> BackoffConfig::validate() const {
  if (base <= Duration::zero()) return fail(ErrorCode::kConfig, "backoff: base must be positive");
  if (cap < base) return fail(ErrorCode::kConfig, "backoff: cap must be at least base");
  if (attempts_max == 0) {
    return fail(ErrorCode::kConfig, "backoff: attempts_max must be at least 1");
  }
  return {};
}

Result<Backoff> Backoff::create(const BackoffConfig& config, std::uint64_t seed) {
  SY_TRY(config.validate());
  return Backoff(config, seed);
}

Duration Backoff::ceiling() const noexcept {
  // Halves the cap instead of doubling the base: no overflow for any number of attempts.
  Duration room = config_.cap;
  for (std::uint32_t i = 0; i < attempts_ && room >= config_.base; ++i) room /= 2;
  if (room < config_.base) return config_.cap;
  return std::min(config_.cap, config_.base * (Duration::rep{1} << std::min(attempts_, 62U)));
}

Duration Backoff::next() {
  const auto bound = static_cast<std::uint64_t>(ceiling().count()) + 1;
  if (attempts_ < UINT32_MAX) ++attempts_;
  return Duration(static_cast<Duration::rep>(random_.next_below(bound)));
}

}  // namespace switchyard::control
