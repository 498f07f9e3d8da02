// EPLB against the output in its README (hierarchical) and against vectors of an independent
// program that reproduces that output (all others).
#include "runtime/placement/planners/eplb.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "runtime/placement/planner_table.h"

namespace switchyard::placement {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<float> kReadme = {90, 132, 40,  61, 104, 165, 39,  4,   73,  56, 183, 86,
                                    20, 107, 104, 64, 19,  197, 187, 157, 172, 86, 16,  27};
const std::vector<float> kSteep = {100, 50, 30, 20, 10, 8, 6, 4};

EplbMaps readme_maps(std::size_t groups, std::size_t nodes) {
  return run_eplb(kReadme, {2, 12, 16, groups, nodes, 8}).value();
}

std::vector<double> rank_loads_of(const EplbMaps& maps, std::span<const float> weights,
                                  const EplbSize& size, std::size_t layer) {
  std::vector<double> loads(size.ranks, 0.0);
  for (std::size_t s = 0; s < size.slots; ++s) {
    const std::size_t e = layer * size.experts + maps.phy2log[layer * size.slots + s];
    loads[s / (size.slots / size.ranks)] += static_cast<double>(weights[e]) / maps.logcnt[e];
  }
  return loads;
}

TEST(Eplb, HierarchicalGivesThePublishedOutput) {
  const auto maps = readme_maps(4, 2);
  EXPECT_THAT(maps.phy2log, ElementsAre(5, 6, 5, 7, 8, 4, 3, 4, 10, 9, 10, 2, 0, 1, 11, 1,  //
                                        7, 10, 6, 8, 6, 11, 8, 9, 2, 4, 5, 1, 5, 0, 3, 1));
  EXPECT_THAT(maps.phyrank, ElementsAre(0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0,  //
                                        0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0));
  EXPECT_THAT(maps.logcnt, ElementsAre(1, 2, 1, 1, 2, 2, 1, 1, 1, 1, 2, 1,  //
                                       1, 2, 1, 1, 1, 2, 2, 1, 2, 1, 1, 1));
  ASSERT_EQ(maps.copies_max, 2U);
  EXPECT_THAT(maps.log2phy, ElementsAre(12, -1, 15, 13, 11, -1, 6, -1, 7, 5, 0, 2, 1, -1, 3, -1, 4,
                                        -1, 9, -1, 8, 10, 14, -1,  //
                                        13, -1, 15, 11, 8, -1, 14, -1, 9, -1, 10, 12, 2, 4, 0, -1,
                                        6, 3, 7, -1, 1, -1, 5, -1));
  EXPECT_THAT(rank_loads_of(maps, kReadme, {2, 12, 16, 4, 2, 8}, 0),
              ElementsAre(121.5, 86.5, 125, 113, 147.5, 131.5, 156, 152));
  EXPECT_THAT(rank_loads_of(maps, kReadme, {2, 12, 16, 4, 2, 8}, 1),
              ElementsAre(173, 179.5, 120.5, 172, 123, 152, 118.5, 117.5));
}

TEST(Eplb, GlobalWhereNodesDoNotDivideTheGroups) {
  for (const auto& maps : {readme_maps(1, 1), readme_maps(4, 3)}) {
    EXPECT_THAT(maps.phy2log, ElementsAre(10, 6, 10, 7, 0, 2, 11, 4, 5, 9, 5, 4, 8, 3, 1, 1,  //
                                          1, 10, 2, 4, 5, 11, 5, 0, 6, 7, 6, 3, 8, 8, 9, 7));
    EXPECT_THAT(maps.logcnt, ElementsAre(1, 2, 1, 1, 2, 2, 1, 1, 1, 1, 2, 1,  //
                                         1, 1, 1, 1, 1, 2, 2, 2, 2, 1, 1, 1));
    EXPECT_THAT(rank_loads_of(maps, kReadme, {2, 12, 16, 1, 1, 8}, 0),
                ElementsAre(130.5, 95.5, 130, 138, 138.5, 134.5, 134, 132));
    EXPECT_THAT(rank_loads_of(maps, kReadme, {2, 12, 16, 1, 1, 8}, 1),
                ElementsAre(123, 123, 125.5, 118.5, 172, 157.5, 172, 164.5));
  }
}

TEST(Eplb, SteepFlatAndZeroLoads) {
  const auto plain = run_eplb(kSteep, {1, 8, 8, 1, 1, 4}).value();
  EXPECT_THAT(plain.phy2log, ElementsAre(0, 7, 1, 6, 2, 5, 3, 4));
  const auto spare = run_eplb(kSteep, {1, 8, 12, 1, 1, 4}).value();
  EXPECT_THAT(spare.phy2log, ElementsAre(2, 3, 4, 0, 0, 5, 1, 1, 6, 0, 0, 7));
  EXPECT_THAT(spare.logcnt, ElementsAre(4, 2, 1, 1, 1, 1, 1, 1));
  EXPECT_THAT(rank_loads_of(spare, kSteep, {1, 8, 12, 1, 1, 4}, 0), ElementsAre(60, 58, 56, 54));
  const std::vector<float> flat(8, 1.0F);
  EXPECT_THAT(run_eplb(flat, {1, 8, 12, 1, 1, 4}).value().phy2log,
              ElementsAre(4, 0, 0, 5, 1, 1, 6, 2, 2, 7, 3, 3));
  const std::vector<float> zero(8, 0.0F);
  EXPECT_THAT(run_eplb(zero, {1, 8, 12, 1, 1, 4}).value().logcnt,
              ElementsAre(5, 1, 1, 1, 1, 1, 1, 1));
}

TEST(Eplb, RefusesSizesThatDoNotDivide) {
  const auto message = [](const EplbSize& size) {
    const auto made = run_eplb(kSteep, size);
    return made ? std::string() : made.error().message;
  };
  EXPECT_THAT(message({1, 8, 10, 1, 1, 4}), HasSubstr("ranks slots (4, 10)"));
  EXPECT_THAT(message({1, 8, 12, 3, 3, 3}), HasSubstr("groups must divide experts (3, 8)"));
  EXPECT_THAT(message({1, 8, 4, 1, 1, 4}), HasSubstr("4 slots for 8 experts"));
}

PlanRequest request_of(std::size_t ranks, std::size_t slots, std::span<const float> loads) {
  PlanRequest request;
  for (std::uint32_t r = 0; r < ranks; ++r) request.expert_ranks.emplace_back(r);
  request.layers = 1;
  request.experts = loads.size();
  request.loads.assign(loads.begin(), loads.end());
  request.slots = slots;
  return request;
}

std::vector<std::uint32_t> held(const Placement& plan, std::uint32_t rank) {
  std::vector<std::uint32_t> out;
  for (const ExpertId e : plan.experts_of(0, RankId(rank))) out.push_back(e.value());
  return out;
}

TEST(EplbPlanner, HoldsTwoCopiesOnARankOnce) {
  const auto plan = plan_placement("eplb", request_of(4, 3, kSteep)).value();
  EXPECT_THAT(held(plan, 0), ElementsAre(2, 3, 4));
  EXPECT_THAT(held(plan, 1), ElementsAre(0, 5));
  EXPECT_THAT(held(plan, 2), ElementsAre(1, 6));
  EXPECT_THAT(held(plan, 3), ElementsAre(0, 7));
}

TEST(EplbPlanner, HostsAreItsNodesAndTheDeadAreLeftOut) {
  auto request = request_of(10, 2, std::span(kReadme).first(12));
  request.groups = 4;
  request.ranks.resize(10);
  for (std::size_t r = 0; r < 10; ++r) request.ranks[r].host = r % 2 == 0 ? "a" : "b";
  request.ranks[0].alive = request.ranks[1].alive = false;
  const auto plan = plan_placement("eplb", request).value();
  const auto expected = readme_maps(4, 2);
  EXPECT_TRUE(held(plan, 0).empty());
  for (std::uint32_t r = 0; r < 8; ++r) {
    // Host a is the ranks 2, 4, 6, 8, host b the ranks 3, 5, 7, 9.
    const std::uint32_t rank = r < 4 ? 2 + 2 * r : 3 + 2 * (r - 4);
    EXPECT_THAT(held(plan, rank),
                ElementsAre(expected.phy2log[2 * r], expected.phy2log[2 * r + 1]));
  }
}

TEST(EplbPlanner, RefusesUnequalSlots) {
  auto request = request_of(2, 0, kSteep);
  request.ranks = {{.slots = 5}, {.slots = 4}};
  EXPECT_THAT(plan_placement("eplb", request).error().message,
              HasSubstr("rank 1 has 4 slots, others 5"));
}

}  // namespace
}  // namespace switchyard::placement
