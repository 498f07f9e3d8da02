// How much of its share a rank gets that has just come, step by step.
#include "runtime/moe/rank_ramp.h"

#include <gmock/gmock.h>

namespace switchyard::moe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::uint32_t kWhole = RankRamp::kWhole;

placement::View view_of(const std::vector<std::uint32_t>& experts) {
  placement::View view;
  for (const std::uint32_t r : experts) {
    view.members.push_back({RankId(r), r == 0, true, {}, {}, {}, {}});
  }
  return view;
}

TEST(RankRamp, RanksOfTheFirstViewHaveAllAtOnce) {
  RankRamp ramp(3, 4);
  ramp.follow(nullptr, view_of({0, 1, 2}));
  ramp.begin_step(1);
  EXPECT_THAT(ramp.shares(), IsEmpty());
}

TEST(RankRamp, RisesWithEveryStepAndIsThenWhole) {
  RankRamp ramp(3, 3);
  const auto before = view_of({0, 1});
  const auto after = view_of({0, 1, 2});
  ramp.follow(&before, after);
  for (const std::uint32_t quarter : {1U, 2U, 3U}) {
    for (int exchange = 0; exchange < 3; ++exchange) {  // layers of one step
      ramp.begin_step(quarter);
      EXPECT_THAT(ramp.shares(), ElementsAre(kWhole, kWhole, kWhole / 4 * quarter));
    }
  }
  ramp.begin_step(4);
  EXPECT_THAT(ramp.shares(), IsEmpty());
}

// Views that change meanwhile do not begin it again, but going and coming does.
TEST(RankRamp, GoesOnUnderTheNextView) {
  RankRamp ramp(4, 3);
  const auto first = view_of({0, 1});
  const auto second = view_of({0, 1, 2});
  const auto third = view_of({0, 1, 2, 3});
  ramp.follow(&first, second);
  ramp.begin_step(0);
  ramp.begin_step(1);
  ramp.follow(&second, third);
  ramp.begin_step(2);
  EXPECT_THAT(ramp.shares(), ElementsAre(kWhole, kWhole, kWhole / 4 * 3, kWhole / 4));
  ramp.follow(&third, first);
  EXPECT_THAT(ramp.shares(), IsEmpty());
  ramp.follow(&first, second);
  ramp.begin_step(3);
  EXPECT_THAT(ramp.shares(), ElementsAre(kWhole, kWhole, kWhole / 4, kWhole));
}

TEST(RankRamp, OfNoStepsIsNone) {
  RankRamp ramp(2, 0);
  const auto before = view_of({0});
  ramp.follow(&before, view_of({0, 1}));
  ramp.begin_step(1);
  EXPECT_THAT(ramp.shares(), IsEmpty());
}

}  // namespace
}  // namespace switchyard::moe
