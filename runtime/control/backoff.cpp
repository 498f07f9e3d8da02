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

Duration backoff_ceiling(const BackoffConfig& config, std::uint32_t waits) noexcept {
  // Halves the cap instead of doubling the base: no overflow for any number of waits.
  Duration room = config.cap;
  for (std::uint32_t i = 0; i < waits && room >= config.base; ++i) room /= 2;
  if (room < config.base) return config.cap;
  return std::min(config.cap, config.base * (Duration::rep{1} << std::min(waits, 62U)));
}

Duration full_jitter(const BackoffConfig& config, std::uint32_t waits, Random& random) noexcept {
  const auto bound = static_cast<std::uint64_t>(backoff_ceiling(config, waits).count()) + 1;
  return Duration(static_cast<Duration::rep>(random.next_below(bound)));
}

Duration Backoff::ceiling() const noexcept { return backoff_ceiling(config_, attempts_); }

Duration Backoff::next() {
  const Duration wait = full_jitter(config_, attempts_, random_);
  if (attempts_ < UINT32_MAX) ++attempts_;
  return wait;
}

}  // namespace switchyard::control
