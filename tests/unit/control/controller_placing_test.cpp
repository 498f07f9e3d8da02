// A plan of a client's own: moved to in small views, refused where it cannot be.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "runtime/placement/plan_file.h"
#include "tests/unit/control/replicas_world.h"

namespace switchyard::control {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

using World = ReplicasWorld;
constexpr std::size_t kLayers = kBenchLayers;
constexpr std::size_t kExperts = kBenchExperts;

std::string plan_of(const std::vector<std::vector<std::uint32_t>>& ranks_by_expert,
                    std::size_t slots = 0) {
  placement::PlanFile plan;
  plan.planner = "by hand";
  for (std::uint32_t r = 1; r < 5; ++r) plan.ranks.ranks.emplace_back(r);
  plan.ranks.traits.resize(4);
  for (auto& traits : plan.ranks.traits) traits.slots = slots;
  std::vector<std::vector<placement::Replica>> copies;
  for (std::size_t l = 0; l < kLayers; ++l) {
    for (std::uint32_t e = 0; e < kExperts; ++e) {
      auto& list = copies.emplace_back();
      for (const std::uint32_t r : ranks_by_expert[e % ranks_by_expert.size()]) {
        list.push_back({RankId(r), SlotId(e)});
      }
    }
  }
  plan.placement = placement::Placement::create(kLayers, kExperts, std::move(copies)).value();
  return placement::plan_to_json(plan);
}

TEST(ControllerPlacing, MovesToAPlanInSmallViews) {
  World w;
  const Answer answer = w.say(Place{plan_of({{1}, {2}, {3}})});
  EXPECT_TRUE(answer.accepted) << answer.reason;
  EXPECT_THAT(answer.reason, HasSubstr("copies to load"));
  EXPECT_EQ(w.say(Place{plan_of({{1}})}).code, "busy");
  EXPECT_GE(w.play_out(), 2U);
  for (std::size_t l = 0; l < kLayers; ++l) {
    for (std::uint32_t e = 0; e < kExperts; ++e) {
      const auto copies = w.view->placement.replicas(l, ExpertId(e));
      ASSERT_EQ(copies.size(), 1U);
      EXPECT_EQ(copies[0].rank, RankId(1 + e % 3)) << "layer " << l << " expert " << e;
    }
  }
  const Answer again = w.say(Place{plan_of({{1}, {2}, {3}})});
  EXPECT_TRUE(again.accepted);
  EXPECT_EQ(w.play_out(), 0U);
}

TEST(ControllerPlacing, IsAbandonedByARestartThatSaysSo) {
  World w;
  ASSERT_TRUE(w.say(Place{plan_of({{1}, {2}, {3}})}).accepted);
  w.bench.pass(milliseconds(250));
  const auto by_snapshot = [&] {
    Controller other(World::options());
    EXPECT_TRUE(other.replay(w.bench.controller().snapshot(), w.bench.now).has_value());
    return nlohmann::json::parse(other.status_json(w.bench.now))["parts"]["balancer"]["last_move"];
  }();
  w.bench.restart();
  const auto last_move = w.status()["parts"]["balancer"]["last_move"];
  EXPECT_EQ(last_move["state"], "abandoned");
  EXPECT_EQ(last_move["for"], "plan");
  EXPECT_THAT(last_move["text"].get<std::string>(), HasSubstr("to a client's plan, "));
  EXPECT_EQ(by_snapshot, last_move);
  w.bench.pass(milliseconds(250));
  EXPECT_TRUE(w.bench.has_event("rebalance_abandoned"));
}

TEST(ControllerPlacing, RefusesWhatCannotBe) {
  ControllerOptions options = World::options();
  options.residency = {{"eu/gdpr", {"eu"}}};  // ranks 0, 1 and 2
  World w(options);
  const std::vector<std::tuple<std::string, std::string, std::string>> plans = {
      {"{", "invalid", "not valid JSON"},
      {"{}", "invalid", "not a plan"},
      {plan_of({{1}, {4}}), "invalid", "expert 1 is on rank 4, which is no expert rank now"},
      {plan_of({{1}, {2}}, 3), "invalid", "rank 1 would hold 4 copies in 3 slots"},
      {plan_of({{1}, {3}}), "residency", "a residency rule would lack an expert"},
  };
  for (const auto& [plan, code, words] : plans) {
    const Answer answer = w.say(Place{plan});
    EXPECT_FALSE(answer.accepted) << words;
    EXPECT_EQ(answer.code, code) << answer.reason;
    EXPECT_THAT(answer.reason, HasSubstr(words));
  }
  std::string twice = plan_of({{1, 2}});
  const auto at = twice.find("[[1,0],[2,0]]");
  ASSERT_NE(at, std::string::npos);
  twice.replace(at, 13, "[[1,0],[1,9]]");
  EXPECT_THAT(w.say(Place{twice}).reason, HasSubstr("twice on rank 1"));
  EXPECT_EQ(w.play_out(), 0U);
  EXPECT_TRUE(w.say(Place{plan_of({{1}, {2}, {2, 3}})}).accepted);
}

// The plan has one copy of each expert and two are wanted: a death would cost a reload.
TEST(ControllerPlacing, RefusesFewerCopiesThanAreWanted) {
  ControllerOptions options = World::options();
  options.replicas = 2;
  World w(options);
  EXPECT_THAT(w.say(Place{plan_of({{1}, {2}})}).reason, HasSubstr("has 1 copies, and 2"));
  EXPECT_TRUE(w.say(Place{plan_of({{1, 2}, {2, 3}})}).accepted);
}

}  // namespace
}  // namespace switchyard::control
