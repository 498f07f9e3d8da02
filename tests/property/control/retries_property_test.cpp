// Laws of retry budgets and breakers over random traffic; each run prints its seed on failure.
#include <gtest/gtest.h>

#include <vector>

#include "runtime/base/circuit_breaker.h"
#include "runtime/base/random.h"
#include "runtime/control/retry_budget.h"

namespace switchyard::control {
namespace {

using std::chrono::milliseconds;

TEST(RetryBudgetLaws, RetriesStayWithinTheBudgetOverEveryStretch) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Random random(seed);
    const RetryBudgetConfig config{random.next_unit(), random.next_unit() * 5,
                                   1 + random.next_unit() * 20};
    TimePoint now{};
    auto budget = RetryBudget::create(config, now).value();
    // After each event: time, requests and retries so far.
    struct Mark {
      double seconds, requests, retries;
    };
    std::vector<Mark> marks{{0, 0, 0}};
    for (int i = 0; i < 300; ++i) {
      now += milliseconds(random.next_below(100));
      Mark mark = marks.back();
      mark.seconds = to_seconds(now.time_since_epoch());
      if (random.next_below(2) == 0) {
        budget.request(now);
        ++mark.requests;
      }
      if (budget.try_retry(now)) ++mark.retries;
      marks.push_back(mark);
    }
    for (std::size_t from = 0; from < marks.size(); ++from) {
      for (std::size_t to = from; to < marks.size(); ++to) {
        const double allowed = config.tokens_max +
                               config.ratio * (marks[to].requests - marks[from].requests) +
                               config.per_second_min * (marks[to].seconds - marks[from].seconds);
        ASSERT_LE(marks[to].retries - marks[from].retries, allowed + 1e-6);
      }
    }
  }
}

// Whatever the outcomes, in whatever order they come back: the events form a chain, at most one
// probe is out at a time, and a peer that works again is called again.
TEST(CircuitBreakerLaws, EventsChainProbesAreSingleAndItRecovers) {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Random random(seed);
    const BreakerConfig config{1 + static_cast<std::uint32_t>(random.next_below(6)),
                               milliseconds(1 + random.next_below(2000)),
                               milliseconds(1 + random.next_below(2000))};
    auto breaker = CircuitBreaker::create(config, RankId(1)).value();
    TimePoint now{};
    BreakerState state = BreakerState::kClosed;
    const auto note = [&](const std::optional<BreakerEvent>& event) {
      if (event) {
        ASSERT_EQ(event->from, state);
        ASSERT_FALSE(event->text.empty());
        state = event->to;
      }
      ASSERT_EQ(breaker.state(), state);
    };
    std::vector<CircuitBreaker::Pass> out;
    for (int i = 0; i < 500; ++i) {
      now += milliseconds(random.next_below(300));
      if (random.next_below(2) == 0) {
        const auto admission = breaker.try_pass(now);
        note(admission.event);
        ASSERT_FALSE(admission.pass && state == BreakerState::kOpen);
        if (admission.pass) out.push_back(*admission.pass);
        if (state == BreakerState::kHalfOpen) {
          ASSERT_FALSE(breaker.try_pass(now).pass.has_value());
        }
      } else if (!out.empty()) {
        const std::size_t at = random.next_below(out.size());
        note(breaker.report(out[at], static_cast<CallOutcome>(random.next_below(3)), now));
        out.erase(out.begin() + static_cast<std::ptrdiff_t>(at));
      }
      if (HasFatalFailure()) return;
    }
    for (int i = 0; i < 3 && state != BreakerState::kClosed; ++i) {
      now += config.open_time + config.probe_time_max + milliseconds(1);
      const auto admission = breaker.try_pass(now);
      note(admission.event);
      if (admission.pass) note(breaker.report(*admission.pass, CallOutcome::kSuccess, now));
    }
    ASSERT_EQ(state, BreakerState::kClosed);
  }
}

}  // namespace
}  // namespace switchyard::control
