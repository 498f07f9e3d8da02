// The ring of spans: what it keeps, in which order, and what it says that it forgot.
#include "runtime/base/timeline.h"

#include <gtest/gtest.h>

namespace switchyard {
namespace {

void add(Timeline& timeline, ManualClock& clock, std::uint64_t step) {
  Span span;
  span.step = step;
  const TimePoint begin = timeline.now();
  clock.advance(Duration(5));
  timeline.add(span, begin, timeline.now());
}

TEST(Timeline, KeepsSpansInOrderWithTheirTimes) {
  ManualClock clock;
  Timeline timeline(4, clock);
  EXPECT_TRUE(timeline.spans().empty());
  for (std::uint64_t step = 0; step < 3; ++step) add(timeline, clock, step);
  const auto spans = timeline.spans();
  ASSERT_EQ(spans.size(), 3u);
  for (std::uint64_t step = 0; step < 3; ++step) {
    EXPECT_EQ(spans[step].step, step);
    EXPECT_EQ(spans[step].begin_ns, static_cast<std::int64_t>(5 * step));
    EXPECT_EQ(spans[step].end_ns, static_cast<std::int64_t>(5 * step + 5));
  }
  EXPECT_EQ(timeline.dropped(), 0u);
}

TEST(Timeline, AFullRingKeepsTheLastOnesAndCountsTheOthers) {
  for (const std::uint64_t written : {4u, 5u, 7u, 8u, 9u, 21u}) {
    ManualClock clock;
    Timeline timeline(4, clock);
    for (std::uint64_t step = 0; step < written; ++step) add(timeline, clock, step);
    const auto spans = timeline.spans();
    ASSERT_EQ(spans.size(), 4u) << written;
    for (std::uint64_t i = 0; i < 4; ++i) EXPECT_EQ(spans[i].step, written - 4 + i) << written;
    EXPECT_EQ(timeline.dropped(), written - 4);
  }
}

TEST(Timeline, WhereThereIsNoneNoTimeIsAsked) { EXPECT_EQ(span_start(nullptr), TimePoint{}); }

}  // namespace
}  // namespace switchyard
