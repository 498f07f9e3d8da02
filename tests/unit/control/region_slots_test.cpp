// Slots for a copy of every expert in each region.
#include "runtime/control/region_slots.h"

#include <gmock/gmock.h>

namespace switchyard::control {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(RegionSlots, OfOneRegionAreAsManyAsTheCopiesTake) {
  EXPECT_THAT(region_slots({"", "", ""}, 8, 1), ElementsAre(3, 3, 3));
  EXPECT_THAT(region_slots({"eu", "eu", "eu"}, 8, 2), ElementsAre(6, 6, 6));
  EXPECT_THAT(region_slots({"eu"}, 8, 3), ElementsAre(8));  // no rank holds an expert twice
  EXPECT_THAT(region_slots({}, 8, 1), IsEmpty());
}

// The one rank of us holds everything; the others share what remains.
TEST(RegionSlots, GiveTheFewRanksOfARegionMore) {
  EXPECT_THAT(region_slots({"eu", "eu", "eu", "us"}, 12, 1), ElementsAre(4, 4, 4, 12));
  EXPECT_THAT(region_slots({"eu", "eu", "eu", "us"}, 12, 2), ElementsAre(4, 4, 4, 12));
  EXPECT_THAT(region_slots({"eu", "eu", "eu", "us"}, 12, 3), ElementsAre(8, 8, 8, 12));
  EXPECT_THAT(region_slots({"eu", "us", "ap"}, 5, 1), ElementsAre(5, 5, 5));
}

}  // namespace
}  // namespace switchyard::control
