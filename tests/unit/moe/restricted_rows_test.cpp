// Rows under a residency rule, by origin and region.
#include "runtime/moe/restricted_rows.h"

#include <gtest/gtest.h>

namespace switchyard::moe {
namespace {

placement::View view_of(const std::vector<std::string>& regions) {
  placement::View view;
  for (std::uint32_t r = 0; r < regions.size(); ++r) {
    view.members.push_back({RankId(r), true, true, {}, regions[r], {}, {}});
  }
  return view;
}

using Cells = std::vector<RestrictedRows::Cell>;

TEST(RestrictedRows, CountByOriginAndTheRegionOfTheRank) {
  RestrictedRows rows(3);
  rows.follow(view_of({"eu", "us", "eu"}));
  EXPECT_TRUE(rows.cells().empty());
  const auto eu = rows.number_of("eu");
  rows.count(eu, RankId(0));
  rows.count(eu, RankId(2));
  rows.count(rows.number_of("us"), RankId(1));
  EXPECT_EQ(rows.number_of("eu"), eu);
  EXPECT_EQ(rows.cells(),
            (Cells{{"eu", "eu", 2}, {"eu", "us", 0}, {"us", "eu", 0}, {"us", "us", 1}}));
  EXPECT_EQ(rows.total(), 3u);
}

// What was counted stays with the region that the rank had then.
TEST(RestrictedRows, FollowTheViews) {
  RestrictedRows rows(2);
  const auto eu = rows.number_of("eu");
  rows.follow(view_of({"eu", "us"}));
  rows.count(eu, RankId(1));
  rows.follow(view_of({"eu", "ap", "us"}));
  rows.count(eu, RankId(1));
  EXPECT_EQ(rows.cells(), (Cells{{"eu", "eu", 0}, {"eu", "us", 1}, {"eu", "ap", 1}}));
}

TEST(RestrictedRows, AddUp) {
  RestrictedRows rows;
  rows.add({"eu", "eu", 2});
  rows.add({"us", "eu", 1});
  rows.add({"eu", "eu", 3});
  EXPECT_EQ(rows.cells(), (Cells{{"eu", "eu", 5}, {"us", "eu", 1}}));
}

TEST(RestrictedRows, OriginsWithoutEndAreCountedAsOne) {
  RestrictedRows rows(1);
  rows.follow(view_of({"eu"}));
  for (std::size_t i = 0; i < 100; ++i) rows.count(rows.number_of(std::to_string(i)), RankId(0));
  const auto cells = rows.cells();
  ASSERT_EQ(cells.size(), RestrictedRows::kOriginsMax + 1);
  EXPECT_EQ(cells.back().origin, RestrictedRows::kOtherOrigins);
  EXPECT_EQ(cells.back().rows, 100 - RestrictedRows::kOriginsMax);
  EXPECT_EQ(rows.total(), 100u);
}

}  // namespace
}  // namespace switchyard::moe
