// runtime/control/retry_budget.h -- how many retries a caller may make beside its first attempts,
// so that retries cannot multiply an overload. A token bucket: each request pays in a share of a
// token, time pays in a small minimum, each retry takes one token. Over any stretch of time
//   retries <= tokens_max + ratio * requests + per_second_min * seconds.
// When to retry is backoff.h. Source: the retry budgets of Finagle (RetryBudget) and of gRPC (retry
// throttling, gRFC A6). Thread safety: distinct objects: safe; shared objects: unsafe.
#pragma once

#include <cstdint>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"

namespace switchyard::control {

struct RetryBudgetConfig {
  double ratio = 0.2;         // tokens that a request pays in
  double per_second_min = 3;  // tokens that a second pays in
  double tokens_max = 100;    // what can be saved up

  // Errors: kConfig naming the field.
  [[nodiscard]] Result<void> validate() const;
};

class RetryBudget {
 public:
  // Starts with one second's minimum.
  [[nodiscard]] static Result<RetryBudget> create(const RetryBudgetConfig& config, TimePoint now);

  // A first attempt is made.
  void request(TimePoint now);
  // Takes a token for a retry; false: do not retry.
  [[nodiscard]] bool try_retry(TimePoint now);

  [[nodiscard]] double tokens(TimePoint now) const;
  // Until time alone has paid for a retry; an hour at most.
  [[nodiscard]] Duration until_retry(TimePoint now) const;
  [[nodiscard]] std::uint64_t granted() const noexcept { return granted_; }
  [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }

 private:
  RetryBudget(const RetryBudgetConfig& config, TimePoint now);
  void refill(TimePoint now);

  RetryBudgetConfig config_;
  double tokens_ = 0;
  TimePoint refilled_{};
  std::uint64_t granted_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace switchyard::control
