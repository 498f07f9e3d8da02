#include "runtime/routing/fallback.h"

#include <gmock/gmock.h>

#include "tests/unit/routing/routing_helpers.h"

namespace switchyard::routing {
namespace {

using testing::convention;
using ::testing::ElementsAre;
using testing::ids;
using testing::kGolden;
using testing::route;
using testing::router;

std::vector<float> with_bad(float bad) {
  auto logits = kGolden;
  logits[0] = bad;
  return logits;
}

TEST(Fallback, SingleExpertIsTheBestFiniteLogit) {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    const auto out = route(*router("topk", convention(8, 4)), with_bad(bad), 8);
    EXPECT_THAT(ids(out), ElementsAre(3));
    EXPECT_EQ(out.weights[0], 1.0F);
    EXPECT_EQ(out.fallbacks[0], Fallback::kSingleExpert);
  }
}

TEST(Fallback, SingleExpertGoesByTokenIdWhereNothingIsFinite) {
  const std::vector<std::uint32_t> token = {21};
  TokenSignals signals;
  signals.token_ids = token;
  const auto out = route(*router("topk", convention(8, 4)), std::vector<float>(8, NAN), 8, signals);
  EXPECT_THAT(ids(out), ElementsAre(21 % 8));
}

TEST(Fallback, NeverTouchesTheOtherTokens) {
  auto logits = kGolden;
  const auto bad = with_bad(NAN);
  logits.insert(logits.end(), bad.begin(), bad.end());
  logits.insert(logits.end(), kGolden.begin(), kGolden.end());
  for (const char* spec : {"topk:fallback=random", "topk:fallback=load_balance", "topk"}) {
    const auto made = router(spec, convention(8, 4));
    const auto out = route(*made, logits, 8);
    const auto alone = route(*made, kGolden, 8);
    for (const std::size_t t : {0U, 2U}) {
      EXPECT_EQ(ids(out, t), ids(alone)) << spec;
      EXPECT_EQ(out.fallbacks[t], Fallback::kNone);
    }
    EXPECT_NE(out.fallbacks[1], Fallback::kNone);
  }
}

TEST(Fallback, RandomIsDistinctEqualAndReproducible) {
  auto conv = convention(8, 3);
  conv.scale = 3.0F;
  const auto made = router("topk:fallback=random", conv);
  const std::vector<float> logits(8 * 50, NAN);
  const auto out = route(*made, logits, 8);
  EXPECT_EQ(out.experts, route(*made, logits, 8).experts);
  std::vector<bool> seen(8);
  for (std::size_t t = 0; t < 50; ++t) {
    auto chosen = ids(out, t);
    ASSERT_EQ(chosen.size(), 3U);
    std::sort(chosen.begin(), chosen.end());
    EXPECT_EQ(std::unique(chosen.begin(), chosen.end()), chosen.end());
    for (const auto e : chosen) seen[e] = true;
    EXPECT_EQ(out.weights[out.slot_begin[t]], 1.0F);
  }
  EXPECT_THAT(seen, ::testing::Each(true));
}

// A calibration file of two layers, [8] loads each.
std::string calibrated_loads(std::string_view first, std::string_view second) {
  return fmt::format(
      R"({{"format":"switchyard-calibration","version":1,"tokens":9,"entries":[],)"
      R"("model":{{"family":"t","layers":2,"experts":8,"k_static":4}},"expert_loads":[{},{}]}})",
      first, second);
}

TEST(Fallback, LoadBalanceTakesTheCandidateThatTheCalibrationTextLoadedLeast) {
  // Finite candidates of k_max = 3, best first: 3, 6, 2.
  const auto file = calibrated_loads("[0,0,5,9,0,0,5,0]", "[0,0,1,0,0,0,9,0]");
  const auto made = router("topk:k=3,fallback=load_balance", convention(8, 4, true, 2), file);
  const auto out = route(*made, with_bad(NAN), 8);
  EXPECT_THAT(ids(out), ElementsAre(6));  // 6 and 2 are equal, 6 ranks higher
  EXPECT_EQ(out.fallbacks[0], Fallback::kLoadBalance);
  EXPECT_THAT(ids(route(*made, with_bad(NAN), 8, {}, 1)), ElementsAre(3));
  // Nothing finite: of all experts.
  EXPECT_THAT(ids(route(*made, std::vector<float>(8, NAN), 8)), ElementsAre(0));
}

// Law 1: what a token gets does not depend on the tokens beside it, before it or after it.
TEST(Fallback, LoadBalanceIsTheSameInEveryBatch) {
  const auto file = calibrated_loads("[7,3,5,9,2,8,5,1]", "[1,1,1,1,1,1,1,1]");
  for (const auto& calibration : {std::string(), file}) {
    const auto made =
        router("topk:k=3,fallback=load_balance", convention(8, 4, true, 2), calibration);
    std::vector<float> logits;
    for (int t = 0; t < 20; ++t) {
      const auto bad = with_bad(t % 3 == 0 ? NAN : INFINITY);
      logits.insert(logits.end(), bad.begin(), bad.end());
    }
    const auto together = route(*made, logits, 8);
    for (std::uint32_t t = 0; t < 20; ++t) {
      const std::vector<float> row(logits.begin() + 8 * t, logits.begin() + 8 * (t + 1));
      TokenSignals signals;
      signals.positions = std::span(&t, 1);
      EXPECT_EQ(ids(together, t), ids(route(*made, row, 8, signals))) << t;
    }
  }
}

TEST(Fallback, LoadBalanceHashesAmongCandidatesWithoutASnapshot) {
  const auto made = router("topk:k=3,fallback=load_balance", convention(8, 4));
  std::vector<float> logits;
  for (int t = 0; t < 60; ++t) {
    const auto bad = with_bad(NAN);
    logits.insert(logits.end(), bad.begin(), bad.end());
  }
  const auto out = route(*made, logits, 8);
  std::vector<int> counts(8);
  for (std::size_t t = 0; t < 60; ++t) ++counts[ids(out, t).at(0)];
  EXPECT_GT(counts[3], 0);
  EXPECT_GT(counts[6], 0);
  EXPECT_GT(counts[2], 0);
  EXPECT_EQ(counts[2] + counts[3] + counts[6], 60);
}

TEST(Fallback, FiresWhereATokenLacksItsSignal) {
  const auto made = router("difficulty:estimator=variance,thresholds=1", convention(8, 2));
  const std::vector<float> variance = {NAN};
  TokenSignals signals;
  signals.residual_variance = variance;
  const auto out = route(*made, kGolden, 8, signals);
  EXPECT_EQ(out.fallbacks[0], Fallback::kSingleExpert);
  EXPECT_THAT(ids(out), ElementsAre(0));
}

}  // namespace
}  // namespace switchyard::routing
