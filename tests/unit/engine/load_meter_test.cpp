// What a rank reports of its load: a rank that routes and holds experts tells the two apart.
#include "runtime/engine/load_meter.h"

#include <gtest/gtest.h>

namespace switchyard::engine {
namespace {

using std::chrono::seconds;

TEST(LoadMeter, TellsServingFromTheStepsOfARouter) {
  LoadMeter meter;
  moe::Counters counters;
  const TimePoint start{seconds(10)};
  ASSERT_FALSE(meter.take(counters, start));
  meter.add_step(900'000, 5);  // us, of which it waited a fifth of a second
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

}  // namespace
}  // namespace switchyard::engine
