// Backoff and retry budget.
#include <gmock/gmock.h>

#include <algorithm>
#include <vector>

#include "runtime/control/backoff.h"
#include "runtime/control/retry_budget.h"

namespace switchyard::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

TEST(Backoff, CeilingDoublesUpToTheCap) {
  auto backoff = Backoff::create({}, 1).value();
  for (const int ms : {100, 200, 400, 800, 1600, 3200, 6400, 10'000}) {
    EXPECT_FALSE(backoff.exhausted());
    EXPECT_EQ(backoff.ceiling(), milliseconds(ms));
    EXPECT_LE(backoff.next(), milliseconds(ms));
  }
  EXPECT_TRUE(backoff.exhausted());
  for (int i = 0; i < 200; ++i) EXPECT_LE(backoff.next(), seconds(10));
  EXPECT_EQ(backoff.ceiling(), seconds(10));
  backoff.reset();
  EXPECT_EQ(backoff.ceiling(), milliseconds(100));
}

TEST(Backoff, DoesNotOverflowWithAHugeCap) {
  auto backoff =
      Backoff::create({.base = Duration(1), .cap = Duration::max() - Duration(1)}, 1).value();
  Duration before{};
  for (int i = 0; i < 100; ++i) {
    EXPECT_GE(backoff.ceiling(), before);
    before = backoff.ceiling();
    EXPECT_GE(backoff.next(), Duration::zero());
  }
  EXPECT_EQ(before, Duration::max() - Duration(1));
}

TEST(Backoff, JitterIsFull) {
  // 20 000 first waits over [0, 100 ms] in ten equal parts: each within 5 sigma of its share.
  std::vector<int> parts(10, 0);
  auto backoff = Backoff::create({}, 7).value();
  for (int i = 0; i < 20'000; ++i) {
    backoff.reset();
    const double share = to_seconds(backoff.next()) / 0.1;
    ++parts[std::min<std::size_t>(9, static_cast<std::size_t>(share * 10))];
  }
  for (const int count : parts) EXPECT_NEAR(count, 2000, 5 * 42.5);
}

TEST(Backoff, IsAFunctionOfItsSeed) {
  auto a = Backoff::create({}, 3).value();
  auto b = Backoff::create({}, 3).value();
  auto c = Backoff::create({}, 4).value();
  const Duration first = a.next();
  EXPECT_EQ(first, b.next());
  EXPECT_NE(first, c.next());
}

TEST(Backoff, RefusesWhatCannotWork) {
  EXPECT_THAT(Backoff::create({.base = Duration::zero()}, 1).error().message, HasSubstr("base"));
  EXPECT_THAT(Backoff::create({.cap = Duration(1)}, 1).error().message, HasSubstr("cap"));
  EXPECT_THAT(Backoff::create({.attempts_max = 0}, 1).error().message, HasSubstr("attempts_max"));
}

TEST(Backoff, AWaitOfItsOwnHasTheCeilingOfItsNumber) {
  Random random(5);
  for (const std::uint32_t waits : {0U, 1U, 3U, 7U, 100U}) {
    auto same = Backoff::create({}, 1).value();
    for (std::uint32_t i = 0; i < waits; ++i) (void)same.next();
    EXPECT_EQ(backoff_ceiling({}, waits), same.ceiling());
    for (int i = 0; i < 100; ++i) EXPECT_LE(full_jitter({}, waits, random), same.ceiling());
  }
}

TEST(RetryBudget, AllowsTheMinimumPerSecondWithoutTraffic) {
  TimePoint now{};
  auto budget = RetryBudget::create({}, now).value();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(budget.try_retry(now));
  EXPECT_FALSE(budget.try_retry(now));
  now += seconds(1);
  EXPECT_NEAR(budget.tokens(now), 3, 1e-9);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(budget.try_retry(now));
  EXPECT_FALSE(budget.try_retry(now));
  EXPECT_EQ(budget.granted(), 6U);
  EXPECT_EQ(budget.refused(), 2U);
}

TEST(RetryBudget, EveryFifthRequestPaysForARetry) {
  TimePoint now{};
  auto budget = RetryBudget::create({.per_second_min = 0}, now).value();
  EXPECT_FALSE(budget.try_retry(now));
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 5; ++i) budget.request(now);
    EXPECT_TRUE(budget.try_retry(now));
    EXPECT_FALSE(budget.try_retry(now));
  }
}

TEST(RetryBudget, SavesUpOnlySoMuch) {
  TimePoint now{};
  auto budget = RetryBudget::create({.tokens_max = 10}, now).value();
  for (int i = 0; i < 1000; ++i) budget.request(now);
  now += seconds(3600);
  EXPECT_EQ(budget.tokens(now), 10);
  EXPECT_EQ(budget.tokens(now - seconds(7200)), 10);
}

TEST(RetryBudget, RefusesWhatCannotWork) {
  const auto message = [](const RetryBudgetConfig& config) {
    return RetryBudget::create(config, TimePoint{}).error().message;
  };
  EXPECT_THAT(message({.ratio = 1.5}), HasSubstr("ratio"));
  EXPECT_THAT(message({.per_second_min = -1}), HasSubstr("per_second_min"));
  EXPECT_THAT(message({.tokens_max = 0}), HasSubstr("tokens_max"));
}

TEST(RetryBudget, SaysWhenTimeHasPaidForARetry) {
  RetryBudget budget = RetryBudget::create({0, 2, 10}, TimePoint()).value();
  EXPECT_EQ(budget.until_retry(TimePoint()), Duration::zero());
  ASSERT_TRUE(budget.try_retry(TimePoint()));
  ASSERT_TRUE(budget.try_retry(TimePoint()));
  ASSERT_FALSE(budget.try_retry(TimePoint()));
  EXPECT_EQ(budget.until_retry(TimePoint()), std::chrono::milliseconds(500));
  EXPECT_TRUE(budget.try_retry(TimePoint() + budget.until_retry(TimePoint())));
}

}  // namespace
}  // namespace switchyard::control
