// runtime/control/phi_accrual.h -- how surprising a rank's silence is, learnt from its own
// heartbeats. phi = -log10 P(the next heartbeat comes even later than now): phi 8 means that one
// silence in 10^8 would be this long by chance. Not a verdict: health.h weighs it with other facts.
// Algorithm: Hayashibara, Defago, Yared, Katayama, "The phi accrual failure detector", SRDS 2004,
// with an acceptable pause added to the mean and a floor under the deviation.
// Thread safety: distinct objects: safe; shared objects: unsafe. Time is an argument.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"

namespace switchyard::control {

struct PhiConfig {
  Duration heartbeat_interval = std::chrono::milliseconds(250);  // the first estimate of the mean
  Duration sigma_min = std::chrono::milliseconds(100);           // jitter of a loaded host
  Duration acceptable_pause = std::chrono::milliseconds(750);    // silence that is never strange
  std::size_t window_count = 100;                                // intervals that are remembered

  // Errors: kConfig naming the field.
  [[nodiscard]] Result<void> validate() const;
};

class PhiAccrual {
 public:
  [[nodiscard]] static Result<PhiAccrual> create(const PhiConfig& config);

  // A heartbeat has come. The interval is remembered up to heartbeat_interval + acceptable_pause,
  // so that one long stop does not make the detector patient. Time does not run backwards: an
  // earlier `now` counts as the last one.
  void heartbeat(TimePoint now);
  // Something else has come: the silence begins anew, and nothing is learnt of the intervals.
  void sign_of_life(TimePoint now) noexcept;
  // The listener itself stood still for `pause` (its own loop came late): that much of the silence
  // is not the rank's.
  void excuse(Duration pause) noexcept;

  // 0 before the first heartbeat; grows without bound and never falls while none comes.
  [[nodiscard]] double phi(TimePoint now) const;
  // Since the last heartbeat or other sign of life; 0 before the first heartbeat.
  [[nodiscard]] Duration silence(TimePoint now) const;
  [[nodiscard]] bool heard() const noexcept { return heard_; }
  [[nodiscard]] Duration mean() const;
  [[nodiscard]] Duration sigma() const;  // with the floor

 private:
  explicit PhiAccrual(const PhiConfig& config) : config_(config) {}
  void remember(double interval_seconds);

  PhiConfig config_;
  std::vector<double> intervals_seconds_;  // a ring once it is full
  std::size_t oldest_ = 0;
  double mean_seconds_ = 0;
  double sigma_seconds_ = 0;
  bool heard_ = false;
  TimePoint beat_at_{};  // the last heartbeat
  TimePoint last_{};     // the last sign of life
};

// -log10 of the upper tail of the standard normal distribution at z: never negative, growing,
// finite for every finite z.
[[nodiscard]] double normal_tail_phi(double z);

}  // namespace switchyard::control
