// The nearest copy: tiers, costs given and measured, spilling over past a load and only then.
#include <gmock/gmock.h>

#include "runtime/placement/nearest_copy.h"
#include "runtime/placement/replica_choice.h"

namespace switchyard::placement {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Ranks 0..7: 0 and 1 share a host; 2 is in their zone, 3 in their region, 4 and 5 in us-east, 6 in
// ap-south, 7 in sa-east. One layer, one expert with copies on `copies`.
View view_with(const std::vector<std::uint32_t>& copies) {
  View view;
  view.epoch = Epoch(1);
  const char* places[][3] = {{"h0", "eu", "a"}, {"h0", "eu", "a"}, {"h1", "eu", "a"},
                             {"h2", "eu", "b"}, {"h3", "us", "a"}, {"h4", "us", "b"},
                             {"h5", "ap", "a"}, {"h6", "sa", "a"}};
  std::uint32_t rank = 0;
  for (const auto& place : places) {
    view.members.push_back({RankId(rank++), true, true, place[0], place[1], place[2]});
  }
  std::vector<Replica> replicas;
  for (const std::uint32_t copy : copies) replicas.push_back({RankId(copy), SlotId(0)});
  view.placement = Placement::create(1, 1, {replicas}).value();
  return view;
}

LinkCosts costs(const char* text) { return parse_link_costs(text).value(); }

// The ranks of `pairs` pairs of one dispatch.
std::vector<std::uint32_t> dispatch(NearestCopy& nearest, const View& view, std::size_t pairs) {
  const auto copies = view.placement.replicas(0, ExpertId(0));
  nearest.begin_dispatch(pairs);
  std::vector<std::uint32_t> ranks;
  for (std::uint64_t token = 0; token < pairs; ++token) {
    const RankId rank = copies[nearest.choose(copies, token)].rank;
    nearest.count(rank);
    ranks.push_back(rank.value());
  }
  return ranks;
}

std::size_t count(const std::vector<std::uint32_t>& ranks, std::uint32_t rank) {
  return static_cast<std::size_t>(std::count(ranks.begin(), ranks.end(), rank));
}

TEST(Nearness, GoesFromSelfOverHostZoneAndRegionToTheCheapestLink) {
  const auto view = view_with({1});
  EXPECT_THAT(tiers_from(view, RankId(0), costs("eu:us=80,ap:eu=30"), {}),
              ElementsAre(0, 1, 2, 3, 5, 5, 4, 6));
  EXPECT_THAT(tiers_from(view, RankId(4), {}, {}), ElementsAre(4, 4, 4, 4, 0, 3, 4, 4));
}

TEST(Nearness, MeasuredRoundTripsStandInForCostsThatWereNotGiven) {
  const auto view = view_with({1});
  const std::vector<std::uint32_t> measured = {0, 9, 9, 9, 5000, 5100, 900, 0};
  // ap before us; 5000 and 5100 us are the same; sa was never heard of.
  EXPECT_THAT(tiers_from(view, RankId(0), {}, measured), ElementsAre(0, 1, 2, 3, 5, 5, 4, 6));
  // What is given goes first.
  EXPECT_THAT(tiers_from(view, RankId(0), costs("eu:sa=1000"), measured),
              ElementsAre(0, 1, 2, 3, 6, 6, 5, 4));
}

TEST(NearestCopy, TakesTheNearestTierWhateverTheLoadWithoutASpillOver) {
  for (const auto& [copies, expected] :
       std::vector<std::pair<std::vector<std::uint32_t>, std::uint32_t>>{{{0, 1, 2, 3, 4}, 0},
                                                                         {{1, 2, 3, 4}, 1},
                                                                         {{2, 3, 4, 6}, 2},
                                                                         {{3, 4, 6}, 3},
                                                                         {{4, 6, 7}, 6}}) {
    const auto view = view_with(copies);
    NearestCopy nearest(view, RankId(0),
                        tiers_from(view, RankId(0), costs("eu:us=80,ap:eu=30"), {}), 0);
    EXPECT_EQ(count(dispatch(nearest, view, 500), expected), 500u) << expected;
  }
}

TEST(NearestCopy, SharesATierEvenly) {
  const auto view = view_with({4, 5});
  NearestCopy nearest(view, RankId(0), tiers_from(view, RankId(0), {}, {}), 0);
  EXPECT_EQ(count(dispatch(nearest, view, 500), 4), 250u);
}

TEST(NearestCopy, SpillsOverPastTheThresholdAndOnlyThen) {
  const auto view = view_with({3, 4, 6});  // region, then ap, then us
  NearestCopy nearest(view, RankId(0), tiers_from(view, RankId(0), costs("eu:us=80,ap:eu=30"), {}),
                      2);
  // Fair: 800 / 8 = 100 pairs a rank; full at 200.
  const auto ranks = dispatch(nearest, view, 800);
  EXPECT_EQ(std::vector<std::uint32_t>(ranks.begin(), ranks.begin() + 200),
            std::vector<std::uint32_t>(200, 3));
  EXPECT_EQ(std::vector<std::uint32_t>(ranks.begin() + 200, ranks.begin() + 400),
            std::vector<std::uint32_t>(200, 6));
  // All full: the nearest one again.
  EXPECT_EQ(count(ranks, 4), 200u);
  EXPECT_EQ(count(ranks, 3), 400u);
  // The next dispatch starts anew, and says the same.
  EXPECT_EQ(dispatch(nearest, view, 800), ranks);
}

TEST(NearestCopy, SmallDispatchesAndTheOwnRankNeverSpillOver) {
  const auto far = view_with({3, 4});
  NearestCopy small(far, RankId(0), tiers_from(far, RankId(0), {}, {}), 1);
  EXPECT_EQ(count(dispatch(small, far, kSpillPairsMin), 3), kSpillPairsMin);
  const auto own = view_with({0, 4});
  NearestCopy self(own, RankId(0), tiers_from(own, RankId(0), {}, {}), 1);
  EXPECT_EQ(count(dispatch(self, own, 1000), 0), 1000u);
}

TEST(NearestCopy, CountsWhatOthersChose) {
  const auto view = view_with({3, 4});
  const auto copies = view.placement.replicas(0, ExpertId(0));
  NearestCopy nearest(view, RankId(0), tiers_from(view, RankId(0), {}, {}), 1);
  nearest.begin_dispatch(800);
  for (int i = 0; i < 100; ++i) nearest.count(RankId(3));
  EXPECT_EQ(copies[nearest.choose(copies, 0)].rank, RankId(4));
}

TEST(ReplicaChoice, NearestIsARuleLikeTheOthers) {
  const auto view = view_with({2, 4});
  const auto copies = view.placement.replicas(0, ExpertId(0));
  auto choice = make_replica_choice("nearest", view, RankId(0)).value();
  for (std::uint64_t token = 0; token < 5; ++token) {
    choice->begin_dispatch(5);
    EXPECT_EQ(copies[choice->choose(copies, {0, ExpertId(0), token, 0})].rank, RankId(2));
  }
}

TEST(LinkCosts, AreReadBothWays) {
  const auto read = costs("eu-west:us-east=80,ap:eu-west=0");
  EXPECT_EQ(read.between("us-east", "eu-west"), 80u);
  EXPECT_EQ(read.between("eu-west", "us-east"), 80u);
  EXPECT_EQ(read.between("eu-west", "ap"), 0u);
  EXPECT_EQ(read.between("ap", "us-east"), std::nullopt);
}

TEST(LinkCosts, RefuseWhatIsNone) {
  for (const char* text :
       {"a", "a:b", "a:b=", "a:b=x", "a:b=-1", "a:b=1.5", ":b=1", "a:=1", "a:a=1", "a:b=1,b:a=2",
        "a:b=1,", ",a:b=1", "a:b=4294967296", "a:b=1 ,c:d=2"}) {
    const auto read = parse_link_costs(text);
    if (std::string_view(text) == "a:b=1,") {
      EXPECT_TRUE(read.has_value());  // a comma at the end is forgiven
      continue;
    }
    ASSERT_FALSE(read.has_value()) << text;
    EXPECT_THAT(read.error().message, HasSubstr("link costs")) << text;
  }
}

}  // namespace
}  // namespace switchyard::placement
