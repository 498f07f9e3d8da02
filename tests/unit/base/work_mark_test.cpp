#include "runtime/base/work_mark.h"

#include <gtest/gtest.h>

namespace switchyard {
namespace {

using std::chrono::seconds;

TEST(WorkMark, TellsForHowLongAThreadHasBeenAtWork) {
  WorkMark mark;
  ManualClock clock;
  clock.advance(seconds(100));
  EXPECT_EQ(mark.lasted(clock.now()), Duration::zero());
  {
    const WorkSpan step(&mark, clock, WorkSpan::Kind::kWork);
    clock.advance(seconds(3));
    EXPECT_EQ(mark.lasted(clock.now()), seconds(3));
    {
      const WorkSpan wait(&mark, clock, WorkSpan::Kind::kWait);
      clock.advance(seconds(5));
      EXPECT_EQ(mark.lasted(clock.now()), Duration::zero());
      {
        const WorkSpan batch(&mark, clock, WorkSpan::Kind::kWork);
        clock.advance(seconds(2));
        EXPECT_EQ(mark.lasted(clock.now()), seconds(2));
      }
      EXPECT_EQ(mark.lasted(clock.now()), Duration::zero());
    }
    clock.advance(seconds(1));
    EXPECT_EQ(mark.lasted(clock.now()), seconds(1));  // what was before the wait is over
  }
  EXPECT_EQ(mark.lasted(clock.now()), Duration::zero());
}

TEST(WorkMark, NobodyHasToAsk) {
  const ManualClock clock;
  const WorkSpan step(nullptr, clock, WorkSpan::Kind::kWork);
}

}  // namespace
}  // namespace switchyard
