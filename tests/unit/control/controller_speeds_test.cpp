// Plans by how fast the ranks are, as measured by the time that they spend on serving.
#include <gmock/gmock.h>

#include <array>

#include "tests/unit/control/rebalance_world.h"

namespace switchyard::control {
namespace {

using std::chrono::seconds;
using ::testing::Contains;

using World = RebalanceWorld;
constexpr std::size_t kLayers = kBenchLayers;
constexpr std::size_t kExperts = kBenchExperts;

// Every expert is as busy as any other. The ranks take so long for their pairs, and are busy for so
// much of their time.
struct Pace {
  double serve_seconds;
  double busy_share;
};
void serve_evenly(World& w, const std::array<Pace, 2>& paces) {
  for (int second = 0; second < 4; ++second) {
    LoadReport router;
    router.seconds = 1;
    router.tokens = 4'000;
    w.bench.say(w.agents[0], router);
    for (const std::uint32_t r : {1U, 2U}) {
      LoadReport report;
      report.seconds = 1;
      report.busy_share = paces[r - 1].busy_share;
      report.serve_seconds = paces[r - 1].serve_seconds;
      report.expert_pairs.resize(kLayers * kExperts);
      for (std::size_t i = 0; i < kLayers * kExperts; ++i) {
        if ((i % kExperts < 4) == (r == 1)) report.expert_pairs[i] = 1'000;
      }
      w.bench.say(w.agents[r], report);
    }
    w.bench.pass(seconds(1));
  }
}

double share_of(const placement::View& view, RankId rank, std::size_t layer) {
  double load = 0;
  for (std::uint32_t e = 0; e < kExperts; ++e) {
    const auto copies = view.placement.replicas(layer, ExpertId(e));
    for (const auto& copy : copies) {
      if (copy.rank == rank) load += 1.0 / static_cast<double>(copies.size());
    }
  }
  return load / kExperts;
}

TEST(ControllerRebalance, GivesFastRanksMoreWhereSpeedsAreMeasured) {
  for (const RankSpeeds speeds : {RankSpeeds::kEqual, RankSpeeds::kMeasured}) {
    ControllerOptions options = World::options();
    options.balancing.speeds = speeds;
    options.balancing.extra_slots = 4;
    options.balancing.copies_per_view = 16;
    World w(options);
    serve_evenly(w, {Pace{0.2, 0.2}, Pace{0.8, 0.8}});  // four times as long
    ASSERT_EQ(w.ask(Wish::kRebalance), "ok");
    const auto views = w.play_out();
    if (speeds == RankSpeeds::kEqual) {
      EXPECT_THAT(w.bench.events, Contains("rebalance_unneeded"));
      continue;
    }
    ASSERT_FALSE(views.empty());
    for (std::size_t l = 0; l < kLayers; ++l) {
      EXPECT_GT(share_of(views.back(), RankId(1), l), 0.7) << "layer " << l;
    }
  }
}

// Rank 1 does something else besides, as a rank that also routes: that says nothing of its speed.
TEST(ControllerRebalance, MeasuresSpeedsByTheTimeOfServingAlone) {
  ControllerOptions options = World::options();
  options.balancing.speeds = RankSpeeds::kMeasured;
  options.balancing.extra_slots = 4;
  World w(options);
  serve_evenly(w, {Pace{0.2, 0.9}, Pace{0.2, 0.2}});
  ASSERT_EQ(w.ask(Wish::kRebalance), "ok");
  EXPECT_TRUE(w.play_out().empty());
  EXPECT_THAT(w.bench.events, Contains("rebalance_unneeded"));
}

}  // namespace
}  // namespace switchyard::control
