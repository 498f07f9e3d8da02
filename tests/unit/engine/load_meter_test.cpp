// What a rank reports of its load: a rank that routes and holds experts tells the two apart.
#include "runtime/engine/load_meter.h"

#include <gtest/gtest.h>

namespace switchyard::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(LoadMeter, TellsServingFromTheStepsOfARouter) {
  LoadMeter meter;
  moe::Counters counters;
  const TimePoint start{seconds(10)};
  ASSERT_FALSE(meter.take(counters, start));
  meter.begin_step(start + milliseconds(50));
  meter.end_step(start + milliseconds(950), 5);  // of which it waited a fifth of a second
  counters.wait_ns = 200'000'000;
  counters.busy_ns = 250'000'000;
  const auto first = meter.take(counters, start + seconds(1));
  ASSERT_TRUE(first);
  EXPECT_NEAR(first->busy_share, 0.7, 1e-9);
  EXPECT_NEAR(first->serve_seconds, 0.25, 1e-9);
  EXPECT_EQ(first->tokens, 5U);
  // No step since then: it served for a router elsewhere.
  counters.busy_ns += 400'000'000;
  const auto second = meter.take(counters, start + seconds(2));
  ASSERT_TRUE(second);
  EXPECT_NEAR(second->busy_share, 0.4, 1e-9);
  EXPECT_NEAR(second->serve_seconds, 0.4, 1e-9);
}

// A step of seconds is reported on while it runs, and how long it takes as well.
TEST(LoadMeter, ReportsWithinALongStep) {
  LoadMeter meter;
  moe::Counters counters;
  const TimePoint start{seconds(10)};
  ASSERT_FALSE(meter.take(counters, start));
  meter.begin_step(start + milliseconds(500));
  auto report = meter.take(counters, start + seconds(1));
  ASSERT_TRUE(report);
  EXPECT_NEAR(report->busy_share, 0.5, 1e-9);
  EXPECT_NEAR(report->step_us_p95, 500e3, 1e-6);
  counters.wait_ns = 250'000'000;
  report = meter.take(counters, start + seconds(2));
  ASSERT_TRUE(report);
  EXPECT_NEAR(report->busy_share, 0.75, 1e-9);
  EXPECT_NEAR(report->step_us_p95, 1500e3, 1e-6);
  meter.end_step(start + milliseconds(4500), 7);
  report = meter.take(counters, start + milliseconds(4600));
  ASSERT_TRUE(report);
  EXPECT_NEAR(report->busy_share, 2.5 / 2.6, 1e-9);
  EXPECT_NEAR(report->step_us_p50, 4000e3, 1e-6);
  EXPECT_EQ(report->tokens, 7U);
  // The next one has just begun: the last one tells how long they take.
  meter.begin_step(start + milliseconds(4600));
  report = meter.take(counters, start + milliseconds(5600));
  ASSERT_TRUE(report);
  EXPECT_NEAR(report->step_us_p95, 4000e3, 1e-6);
  EXPECT_EQ(report->tokens, 0U);
  // Then there was nothing to do, which says nothing of a step that comes later.
  meter.end_step(start + milliseconds(5700), 1);
  EXPECT_TRUE(meter.take(counters, start + seconds(7)));
  report = meter.take(counters, start + seconds(8));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->step_us_p95, 0);
  meter.begin_step(start + milliseconds(8900));
  report = meter.take(counters, start + seconds(9));
  ASSERT_TRUE(report);
  EXPECT_NEAR(report->step_us_p95, 100e3, 1e-6);
}

}  // namespace
}  // namespace switchyard::engine
