// runtime/control/backoff.h -- how long to wait before trying again: exponential, with full jitter.
// The n-th wait is uniform in [0, min(cap, base * 2^n)]: of the usual jitters the one that makes
// the callers of a recovering peer come back most evenly (Brooker, "Exponential Backoff And
// Jitter", AWS Architecture Blog, 2015). Whether to try again at all is retry_budget.h. Thread
// safety: distinct objects: safe; shared objects: unsafe. Randomness comes from a seed.
#pragma once

#include <cstdint>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/random.h"

namespace switchyard::control {

struct BackoffConfig {
  Duration base = std::chrono::milliseconds(100);
  Duration cap = std::chrono::seconds(10);
  std::uint32_t attempts_max = 8;  // waits that are granted before it is exhausted

  // Errors: kConfig naming the field.
  [[nodiscard]] Result<void> validate() const;
};

// The largest wait after so many waits before it.
[[nodiscard]] Duration backoff_ceiling(const BackoffConfig& config, std::uint32_t waits) noexcept;
// A wait, uniform in [0, ceiling]. `config` has been validated.
[[nodiscard]] Duration full_jitter(const BackoffConfig& config, std::uint32_t waits,
                                   Random& random) noexcept;

class Backoff {
 public:
  [[nodiscard]] static Result<Backoff> create(const BackoffConfig& config, std::uint64_t seed);

  // The next wait; once exhausted still a valid one, at the cap.
  [[nodiscard]] Duration next();
  // The largest value that next() may return now.
  [[nodiscard]] Duration ceiling() const noexcept;
  [[nodiscard]] bool exhausted() const noexcept { return attempts_ >= config_.attempts_max; }
  [[nodiscard]] std::uint32_t attempts() const noexcept { return attempts_; }
  // The operation succeeded.
  void reset() noexcept { attempts_ = 0; }

 private:
  Backoff(const BackoffConfig& config, std::uint64_t seed) : config_(config), random_(seed) {}

  BackoffConfig config_;
  Random random_;
  std::uint32_t attempts_ = 0;
};

}  // namespace switchyard::control
