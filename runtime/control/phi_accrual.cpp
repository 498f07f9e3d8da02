#include "runtime/control/phi_accrual.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace switchyard::control {
namespace {

// More would only slow the mean down; the window is walked at each heartbeat.
constexpr std::size_t kWindowCountMax = 10'000;
// From here on the series below is used; erfc would underflow at z = 38.
constexpr double kSeriesFrom = 25;

Duration from_seconds(double seconds) {
  return std::chrono::round<Duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

double normal_tail_phi(double z) {
  if (z < 0) return -std::log1p(-0.5 * std::erfc(-z / std::numbers::sqrt2)) / std::numbers::ln10;
  if (z < kSeriesFrom) return -std::log10(0.5 * std::erfc(z / std::numbers::sqrt2));
  // Q(z) = pdf(z) / z * (1 - 1/z^2 + 3/z^4 - 15/z^6 ...), Abramowitz and Stegun 26.2.12. Cut after
  // a negative term it is below Q, so phi steps up where the series takes over, never down.
  const double u = 1 / (z * z);
  const double series = 1 - u * (1 - u * (3 - u * 15));
  const double ln_q =
      -0.5 * z * z - std::log(z * std::sqrt(2 * std::numbers::pi)) + std::log(series);
  return -ln_q / std::numbers::ln10;
}

Result<void> PhiConfig::validate() const {
  if (heartbeat_interval <= Duration::zero()) {
    return fail(ErrorCode::kConfig, "phi: heartbeat_interval must be positive");
  }
  if (sigma_min <= Duration::zero()) {
    return fail(ErrorCode::kConfig, "phi: sigma_min must be positive");
  }
  if (acceptable_pause < Duration::zero()) {
    return fail(ErrorCode::kConfig, "phi: acceptable_pause must not be negative");
  }
  if (window_count < 2 || window_count > kWindowCountMax) {
    return fail(ErrorCode::kConfig, "phi: window_count is {}, not in 2..{}", window_count,
                kWindowCountMax);
  }
  return {};
}

Result<PhiAccrual> PhiAccrual::create(const PhiConfig& config) {
  SY_TRY(config.validate());
  return PhiAccrual(config);
}

void PhiAccrual::remember(double interval_seconds) {
  if (intervals_seconds_.size() < config_.window_count) {
    intervals_seconds_.push_back(interval_seconds);
  } else {
    intervals_seconds_[oldest_] = interval_seconds;
    oldest_ = (oldest_ + 1) % intervals_seconds_.size();
  }
  // Summed anew each time: running sums drift, and this is once per heartbeat.
  const auto count = static_cast<double>(intervals_seconds_.size());
  double sum = 0;
  for (const double interval : intervals_seconds_) sum += interval;
  mean_seconds_ = sum / count;
  double squares = 0;
  for (const double interval : intervals_seconds_) {
    squares += (interval - mean_seconds_) * (interval - mean_seconds_);
  }
  sigma_seconds_ = std::max(std::sqrt(squares / count), to_seconds(config_.sigma_min));
}

void PhiAccrual::heartbeat(TimePoint now) {
  if (!heard_) {
    // Two intervals around the configured one stand in for a history, a quarter apart from it.
    const double first = to_seconds(config_.heartbeat_interval);
    remember(first * 0.75);
    remember(first * 1.25);
    heard_ = true;
    beat_at_ = last_ = now;
    return;
  }
  const Duration longest = config_.heartbeat_interval + config_.acceptable_pause;
  const Duration interval = now > beat_at_ ? now - beat_at_ : Duration::zero();
  remember(to_seconds(std::min(interval, longest)));
  beat_at_ = std::max(beat_at_, now);
  last_ = std::max(last_, now);
}

void PhiAccrual::sign_of_life(TimePoint now) noexcept { last_ = std::max(last_, now); }

void PhiAccrual::excuse(Duration pause) noexcept {
  beat_at_ += pause;
  last_ += pause;
}

Duration PhiAccrual::silence(TimePoint now) const {
  return heard_ && now > last_ ? now - last_ : Duration::zero();
}

double PhiAccrual::phi(TimePoint now) const {
  if (!heard_) return 0;
  const double expected = mean_seconds_ + to_seconds(config_.acceptable_pause);
  return normal_tail_phi((to_seconds(silence(now)) - expected) / sigma_seconds_);
}

Duration PhiAccrual::mean() const { return from_seconds(mean_seconds_); }
Duration PhiAccrual::sigma() const { return from_seconds(sigma_seconds_); }

}  // namespace switchyard::control
